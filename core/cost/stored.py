"""Bytes of weights as they are stored, scales included: by role, and for each routed expert."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from core.cost.count import Counts, PartCount
from core.cost.formats import Widths
from core.design.base import Weight


def role_bytes(part: PartCount, widths: Widths) -> dict[str, float]:
    """Bytes of one turn of a part by role of its weights; routed experts together."""
    out: dict[str, float] = defaultdict(float)
    for weight in part.weights:
        if not (part.groups and weight.role == "expert"):
            out[weight.role] += weight.copies * widths.of(weight, part.pointer).stored(weight.shape) / 8
    for group in range(len(part.groups)):
        out["expert"] += sum(expert_bytes(part, group, widths))
    return dict(out)


def expert_bytes(part: PartCount, index: int, widths: Widths) -> tuple[float, ...]:
    """Bytes of each expert of a group of a part."""
    group = part.groups[index]
    first = sum(before.experts for before in part.groups[:index])
    places = [f"{part.pointer}/experts/{first + e}" for e in range(group.experts)]
    usual = _one(group.weights, widths, group.pointer, part.pointer)
    if not widths.places:
        return (usual,) * group.experts
    return tuple(
        _one(group.weights, widths, place, group.pointer, part.pointer) if place in widths.places else usual
        for place in places
    )


def _one(weights: Iterable[Weight], widths: Widths, *pointers: str) -> float:
    return sum(w.copies * widths.of(w, *pointers).stored(w.shape) for w in weights) / 8


def total_bytes(counts: Counts, widths: Widths) -> float:
    """Bytes of all weights."""
    parts = counts.parts if widths.places else counts.folded().parts
    return sum(part.times * sum(role_bytes(part, widths).values()) for part in parts)
