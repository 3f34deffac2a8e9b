"""Bytes of weights as they are stored, scales included: by role, and for each routed expert."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from core.cost.count import Counts
from core.cost.formats import Widths
from core.cost.parts import PartCount
from core.design.base import Weight

#: Bytes of one tensor of what stands at these pointers, the nearest first.
Size = Callable[[Weight, tuple[str, ...]], float]


def size_in(widths: Widths) -> Size:
    """Bytes of a tensor in its number format."""
    return lambda weight, pointers: widths.of(weight, *pointers).stored(weight.shape) / 8


def role_bytes(part: PartCount, widths: Widths) -> dict[str, float]:
    """Bytes of one turn of a part by role of its weights; routed experts together."""
    out: dict[str, float] = defaultdict(float)
    size = size_in(widths)
    for weight in part.weights:
        if not (part.groups and weight.role == "expert"):
            out[weight.role] += weight.copies * size(weight, (part.pointer,))
    for group in range(len(part.groups)):
        out["expert"] += sum(expert_bytes(part, group, widths))
    return dict(out)


def expert_bytes(part: PartCount, index: int, widths: Widths) -> list[float]:
    """Bytes of each expert of a group of a part."""
    return expert_sizes(part, index, size_in(widths), apart=bool(widths.places))


def expert_sizes(part: PartCount, index: int, size: Size, *, apart: bool = True) -> list[float]:
    """`size` of each expert of a group of a part; not `apart`: no expert differs from the others."""
    group = part.groups[index]

    def one(*pointers: str) -> float:
        return sum(weight.copies * size(weight, pointers) for weight in group.weights)

    if not apart:
        return [one(group.pointer, part.pointer)] * group.experts
    first = sum(before.experts for before in part.groups[:index])
    places = (f"{part.pointer}/experts/{first + e}" for e in range(group.experts))
    return [one(place, group.pointer, part.pointer) for place in places]


def total_bytes(counts: Counts, widths: Widths) -> float:
    """Bytes of all weights."""
    parts = counts.parts if widths.places else counts.folded().parts
    return sum(part.times * sum(role_bytes(part, widths).values()) for part in parts)
