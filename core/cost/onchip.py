"""Multipliers and memories of an UltraScale+ fabric, counted the way synthesis maps them."""

from __future__ import annotations

import math
from dataclasses import dataclass

#: Depth and width of a block of 18 kb, simple dual port, from deep and narrow to wide.
_GEOMETRIES = ((16_384, 1), (8192, 2), (4096, 4), (2048, 9), (1024, 18), (512, 36))
_URAM_DEPTH, _URAM_WIDTH = 4096, 72
#: Shallower memories become LUTs.
LUTRAM_DEPTH = 64


def dsp_per_mac(weight_bits: int, activation_bits: int) -> float:
    """DSP48E2 slices for one multiply-add each cycle.

    Two 8-bit products that share an operand fit in one slice, four of 4 bits; 27 x 18 bits are one slice,
    32 x 16 two. Raises ValueError for widths no engine here has.
    """
    wide, narrow = max(weight_bits, activation_bits), min(weight_bits, activation_bits)
    if narrow < 1 or wide > 32:
        raise ValueError(
            f"Operands of {weight_bits} and {activation_bits} bits are not costed."
            " To fix this, use 1 to 32 bits."
        )
    if wide <= 4:
        return 0.25
    if wide <= 8:
        return 0.5
    if wide <= 27 and narrow <= 18:
        return 1.0
    return 2.0 if narrow <= 18 else 4.0


def bram18(depth: int, width: int) -> int:
    """Blocks of 18 kb for one bank of `depth` words of `width` bits: the cheapest geometry."""
    return min(math.ceil(depth / d) * math.ceil(width / w) for d, w in _GEOMETRIES)


def bram36(depth: int, width: int) -> int:
    """Tiles of 36 kb, as place and route counts them: halves of a bank rounded up."""
    return math.ceil(bram18(depth, width) / 2)


def uram(depth: int, width: int) -> int:
    """UltraRAM blocks: 4096 x 72 only, so narrow or shallow memories waste them."""
    return math.ceil(depth / _URAM_DEPTH) * math.ceil(width / _URAM_WIDTH)


@dataclass(frozen=True)
class Buffer:
    """A memory read `width` bits each cycle, in `banks` equal copies (two: one fills, one works)."""

    name: str
    depth: int
    width: int
    banks: int = 1

    @property
    def bits(self) -> int:
        """Capacity that is asked for."""
        return self.depth * self.width * self.banks

    @property
    def bram36(self) -> int:
        """Tiles, if it is block RAM; none if it is so shallow that it becomes LUTs."""
        return 0 if self.depth <= LUTRAM_DEPTH else self.banks * bram36(self.depth, self.width)

    @property
    def uram(self) -> int:
        """Blocks, if it is UltraRAM."""
        return 0 if self.depth <= LUTRAM_DEPTH else self.banks * uram(self.depth, self.width)


def place(buffers: tuple[Buffer, ...], brams: int, urams: int) -> tuple[int, int]:
    """Tiles and UltraRAM blocks used: the largest first, into block RAM while it fits, else into UltraRAM."""
    used_brams = used_urams = 0
    for buffer in sorted(buffers, key=lambda b: -b.bram36):
        if used_brams + buffer.bram36 <= brams or used_urams + buffer.uram > urams:
            used_brams += buffer.bram36
        else:
            used_urams += buffer.uram
    return used_brams, used_urams
