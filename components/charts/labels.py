"""Where the names of dots go: beside their dot, and on no other dot or name."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

#: Pixels: height of a line of words, and what stays free around dots.
LINE, _CLEAR = 13, 2
_GAPS = (5, 9, 14, 20)
#: The widest plot over the narrowest.
WIDER = 2.0
#: Places of one gap. What lying on the line counts for, and being nearer to another dot, in pixels.
_SIDES, _CROSSES, _MISLEADS = 8, 10, 30


class Box(NamedTuple):
    """Pixels that words take, from the top left of the plot."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Whether both share a pixel."""
        apart = self.right <= other.left or other.right <= self.left
        return not (apart or self.bottom <= other.top or other.bottom <= self.top)

    def swept(self, moved: float) -> Box:
        """What it passes while it moves so far across."""
        return self._replace(left=self.left + min(0.0, moved), right=self.right + max(0.0, moved))

    def holds(self, other: Box) -> bool:
        """Whether the other lies within."""
        across = self.left <= other.left and other.right <= self.right
        return across and self.top <= other.top and other.bottom <= self.bottom


class Spot(NamedTuple):
    """A dot: its middle and its radius, in pixels from the top left of the plot."""

    x: float
    y: float
    radius: float

    def gap(self, box: Box, moved: float = 0.0) -> float:
        """Pixels between its edge and words, also while it moves so far; negative where they lie on it."""
        ends = self.x, self.x + moved
        across = max(0.0, box.left - max(ends), min(ends) - box.right)
        down = max(0.0, box.top - self.y, self.y - box.bottom)
        return math.hypot(across, down) - self.radius


class Beside(NamedTuple):
    """Where words stand from the middle of their dot: alignment, pixels across and down."""

    align: Literal["left", "center", "right"]
    dx: float
    dy: float


def beside(
    spots: Sequence[Spot],
    widths: Sequence[float],
    taken: Sequence[Box],
    room: tuple[float, float],
    line: Sequence[Spot] = (),
) -> list[Beside | None]:
    """A place for the name of each of the first spots, which is `widths` wide; None where there is none.

    Names keep off all `spots`, off each other and off what is `taken` (words that end where they are held),
    inside the `room` (width, height); off points of `line` too where another place is about as near. All of
    it holds for plots up to `WIDER` times as wide, in which spots are further apart and words are not.
    """
    used, found = [(box.right, box) for box in taken], list[Beside | None]()
    for at, (spot, width) in enumerate(zip(spots, widths, strict=False)):
        others = [*spots[:at], *spots[at + 1 :]]
        free: list[tuple[float, Beside, Box]] = []
        for rank, place in enumerate(_around(spot.radius)):
            box = _box(spot, width, place)
            near = min((other.gap(box, _drift(spot, other.x)) for other in others), default=math.inf)
            crowded = near < _CLEAR or any(box.meets(words.swept(_drift(spot, x))) for x, words in used)
            if crowded or not Box(0, 0, *room).holds(box):
                continue
            # Words that are nearer to another dot seem to be its name.
            cost = spot.gap(box) + rank % _SIDES + _MISLEADS * (near < spot.gap(box))
            cost += _CROSSES * any(point.gap(box) < _CLEAR for point in line)
            free.append((cost, place, box))
        best = min(free, default=None, key=lambda one: one[0])
        found.append(best[1] if best else None)
        used += [(spot.x, best[2])] if best else []
    return found


def _drift(spot: Spot, x: float) -> float:
    """Pixels that what is held at `x` moves away from a spot in the widest plot."""
    return (x - spot.x) * (WIDER - 1)


def _around(radius: float) -> Iterator[Beside]:
    """Places to try, the nearest first: to the right, to the left, above, below, then the corners."""
    for gap in _GAPS:
        side, above = radius + gap, radius + gap - _CLEAR + LINE / 2
        yield Beside("left", side, 0)
        yield Beside("right", -side, 0)
        yield Beside("center", 0, -above)
        yield Beside("center", 0, above)
        for dy in (-above, above):
            yield Beside("left", -_CLEAR, dy)
            yield Beside("right", _CLEAR, dy)


def _box(spot: Spot, width: float, place: Beside) -> Box:
    start = spot.x + place.dx - width * {"left": 0.0, "center": 0.5, "right": 1.0}[place.align]
    middle = spot.y + place.dy
    return Box(start, middle - LINE / 2, start + width, middle + LINE / 2)
