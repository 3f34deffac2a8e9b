"""All steps of a training's routing in one payload, small enough to be sent at once.

F steps, L layers, N domains, E experts of the widest layer.

A share p is sent as round(levels * sqrt(p / top)): counting noise is even on a square root, so equal rounding
costs every expert alike. Zero means exactly no token. Over time each level is sent as the difference from a
running mean of those before it, as `unpack` in js/payload.js adds it up again, and deflated.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from components.heat.grid import row_shares

#: Bytes of the whole payload, and what the shares may take of them.
MOST_BYTES = 1_000_000
_SHARES_BYTES = 900_000
#: From fine to coarse; the finest that fits is sent.
LEVELS = (255, 223, 191, 159, 127, 111, 95, 79, 63, 55, 47, 39, 31, 23, 15)
#: A running mean is kept in sixteenths and moves by a quarter of the way at each step.
_SIXTEENTHS, _QUARTER = 4, 2
#: Half a level, so that the mean is rounded by cutting.
_HALF = 8
_SAMPLED = 7

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Mark:
    """Something that happened at a step."""

    step: int
    kind: str
    text: str


@dataclass(frozen=True)
class Frames:
    """What is played. `counts[l]` [F, N, E of layer l]: picks, or mean shares where `soft[l]`."""

    steps: Sequence[int]
    domains: Sequence[str]
    layers: Sequence[str]
    counts: Sequence[npt.NDArray[Any]]
    soft: Sequence[bool]
    losses: Sequence[float | None]
    marks: Sequence[Mark] = field(default=())


def pack(frames: Frames, alt: str) -> bytes:
    """Length of the header, header as JSON, shares, picks: what the browser part reads."""
    shares, totals = _shares(frames), _totals(frames)
    top = max((float(each.max()) for each in shares if each.size), default=0.0) or 1.0
    levels, residues = _finest(shares, top)
    # Of the residues only the frequencies can be used; totals repeat exactly from layer to layer.
    bodies = [_deflated(residues.tobytes(), zlib.Z_HUFFMAN_ONLY), _deflated(totals.astype("<i4").tobytes())]
    header = {
        "steps": list(frames.steps),
        "domains": list(frames.domains),
        "layers": list(frames.layers),
        "experts": [counts.shape[-1] for counts in frames.counts],
        "soft": list(frames.soft),
        "losses": [None if loss is None else round(loss, 3) for loss in frames.losses],
        "marks": [vars(mark) for mark in frames.marks],
        "scale": levels,
        "top": top,
        "sizes": [len(body) for body in bodies],
        "alt": alt,
    }
    head = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    return struct.pack("<I", len(head)) + head + b"".join(bodies)


def _shares(frames: Frames) -> list[npt.NDArray[np.float64]]:
    return [row_shares(counts) for counts in frames.counts]


def _totals(frames: Frames) -> npt.NDArray[np.int64]:
    """Picks of each layer, domain and step [L, N, F]; none where nothing is picked."""
    each = [
        np.zeros(counts.shape[:2], np.int64) if soft else counts.sum(axis=-1).astype(np.int64)
        for counts, soft in zip(frames.counts, frames.soft, strict=True)
    ]
    return np.stack([totals_FN.T for totals_FN in each])


def _finest(shares: Sequence[npt.NDArray[np.float64]], top: float) -> tuple[int, Bytes]:
    """The most levels whose residues [F, L, N, E] fit, judged by the entropy of every seventh series."""
    widest = max(each.shape[-1] for each in shares)
    roots = np.zeros((*shares[0].shape[:1], len(shares), shares[0].shape[1], widest), np.float32)
    for place, each in enumerate(shares):
        roots[:, place, :, : each.shape[-1]] = np.sqrt(each / top)
    some = roots.reshape(len(roots), -1)[:, ::_SAMPLED]
    fitting = (n for n in LEVELS if _entropy(residues(quantised(some, n))) * roots.size / 8 <= _SHARES_BYTES)
    levels = next(fitting, LEVELS[-1])
    return levels, residues(quantised(roots, levels))


def quantised(roots: npt.NDArray[np.float32], levels: int) -> Bytes:
    """Square roots in 0..1 as levels; what is above zero stays above zero."""
    rounded: Bytes = np.rint(levels * roots).astype(np.uint8)
    return np.maximum(rounded, (roots > 0).astype(np.uint8))


def residues(levels: Bytes) -> Bytes:
    """What each level [F, ...] is above the running mean of those before it, modulo 256."""
    found = np.empty_like(levels)
    mean = np.full(levels.shape[1:], _HALF, np.int16)
    for now, above in zip(levels, found, strict=True):
        np.subtract(now, (mean >> _SIXTEENTHS).astype(np.uint8), out=above)
        mean += ((now.astype(np.int16) << _SIXTEENTHS) + _HALF - mean) >> _QUARTER
    return found


def _entropy(values: Bytes) -> float:
    """Bits each value takes at least."""
    counts = np.bincount(values.ravel(), minlength=256)
    p = counts[counts > 0] / max(1, values.size)
    return float(-(p * np.log2(p)).sum())


def _deflated(body: bytes, strategy: int = zlib.Z_DEFAULT_STRATEGY) -> bytes:
    deflate = zlib.compressobj(6, zlib.DEFLATED, 15, 9, strategy)
    return deflate.compress(body) + deflate.flush()
