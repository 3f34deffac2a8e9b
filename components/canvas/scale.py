"""Experts to scale: how wide each box is, and how many rows they need."""

from collections.abc import Sequence
from dataclasses import dataclass

#: Narrower than this a box can hardly be hit (WCAG 2.2, target size).
HIT = 24.0
#: With more experts than this they are cells of a grid.
MOST_TO_SCALE = 32
GRID_COLUMNS = 16


@dataclass(frozen=True)
class Segment:
    """Left edge, width of the box, and the width that is to scale."""

    x: float
    w: float
    fill: float


def unit_width(widths: Sequence[int], room: float, gap: float) -> float:
    """Pixels for one unit of hidden width, so that all boxes stand side by side in `room`.

    Boxes that would be narrower than HIT get HIT, and the others share what is left.
    """
    narrow: set[int] = set()
    while True:
        left = room - gap * (len(widths) - 1) - HIT * len(narrow)
        wide = sum(w for i, w in enumerate(widths) if i not in narrow)
        if wide <= 0 or left <= 0:
            return 0.0
        unit = left / wide
        more = {i for i, w in enumerate(widths) if i not in narrow and w * unit < HIT}
        if not more:
            return unit
        narrow |= more


def segments(widths: Sequence[int], left: float, unit: float, gap: float) -> tuple[Segment, ...]:
    """Boxes from `left` on; each is at least HIT wide, its fill is `width * unit`."""
    out, x = [], left
    for width in widths:
        box = max(HIT, width * unit)
        out.append(Segment(x, box, width * unit))
        x += box + gap
    return tuple(out)


def rows_for(count: int, room: float, gap: float) -> int:
    """Rows in which `count` boxes fit that can all be hit."""
    fitting = max(1, int((room + gap) // (HIT + gap)))
    return -(-count // fitting)
