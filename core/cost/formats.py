"""Number formats: bits of a number, with the scales that blocks of them share."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True)
class Format:
    """`bits` of a number and one scale of `scale_bits` for each `block` of numbers."""

    name: str
    bits: int
    block: int = 1
    scale_bits: int = 0

    @property
    def width(self) -> float:
        """Bits a number takes, scales included."""
        return self.bits + self.scale_bits / self.block

    @property
    def rest(self) -> int:
        """Bits of what narrow formats leave alone: norms, biases, routers."""
        return 32 if self.bits == 32 else 16


FORMATS: dict[str, Format] = {
    f.name: f
    for f in (
        Format("fp32", 32),
        Format("bf16", 16),
        Format("fp16", 16),
        Format("fp8", 8),
        Format("int8", 8),
        Format("q8_0", 8, 32, 16),
        Format("int4", 4, 32, 16),
        Format("nvfp4", 4, 16, 8),
        Format("mxfp4", 4, 32, 8),
    )
}


def number_format(name: str) -> Format:
    """A format by name. Raises ValueError with the nearest name."""
    if name in FORMATS:
        return FORMATS[name]
    near = get_close_matches(name, FORMATS, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(
        f"There is no number format {name!r}.{hint} To fix this, use one of: {', '.join(FORMATS)}."
    )
