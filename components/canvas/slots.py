"""Where something can be dropped: every gap of a stack, at the level of parts, layers and repeats.

A slot is noted while the drawing goes down, and gets its height when the gap it lies in is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from components.canvas.picture import Slot, Takes
from components.words import humanise
from core.design.plain import most
from core.design.spec import Stack
from core.design.structure import Layer, Part, Repeat

#: Slots of a gap keep this far from the rows above and below.
EDGE = 2.0
#: Slots inside a layer are shorter than a row at both ends.
INSET = 28.0

_TAKES: dict[str, tuple[Takes, ...]] = {
    "parts": ("part",),
    "pattern": ("part", "layer"),
    "layers": ("part", "layer", "repeat"),
}


@dataclass(frozen=True)
class Place:
    """A slot before it has a height. `level` is the list it puts into."""

    place: str
    level: str
    said: str


@dataclass(frozen=True)
class Where:
    """Numbers that the words need: the first layer of a repeat, counted from 1, and the stack's name."""

    repeat: Repeat
    first: int
    of: str = ""

    @property
    def last(self) -> int:
        """The last layer of the repeat."""
        return self.first + self.repeat.layers - 1

    def layer(self, index: int) -> str:
        """`layer 3`, `layers 3–26`, or `layer 2 of 4 in the ×8 repeat`."""
        if len(self.repeat.pattern) == 1 and self.repeat.times > 1:
            return f"layers {self.first}–{self.last}{self.of}"
        if self.repeat.times == 1:
            return f"layer {self.first + index}{self.of}"
        return f"layer {index + 1} of {len(self.repeat.pattern)} in the ×{self.repeat.times} repeat{self.of}"


MOST = {
    "parts": most(Layer, "parts"),
    "pattern": most(Repeat, "pattern"),
    "layers": most(Stack, "layers"),
}


def of_parts(pointer: str, parts: Sequence[Part], index: int, where: Where, layer: int) -> list[Place]:
    """Before part `index` of the layer at `pointer`; after the last one where it is their number."""
    if len(parts) >= MOST["parts"]:
        return []
    side, near = ("after", index - 1) if index else ("before", 0)
    name = humanise(parts[near].body.kind)
    name = name if name.split()[0].isupper() or name.startswith("MoE") else name[0].lower() + name[1:]
    said = f"Into {where.layer(layer)}, {side} {name}"
    return [Place(f"{pointer}/parts/{index}", "parts", said)]


def of_pattern(pointer: str, where: Where, index: int) -> list[Place]:
    """Before layer `index` of the repeat at `pointer`. A layer at the end of a single turn is the stack's."""
    repeat, count = where.repeat, len(where.repeat.pattern)
    ends = index in (0, count)
    if count >= MOST["pattern"] or (ends and repeat.times == 1):
        return []
    if repeat.times == 1:
        said = f"New layer after layer {where.first + index - 1}{where.of}"
    else:
        near = f"after layer {index} of {count}"
        place = ("at its start" if not index else "at its end") if ends else near
        said = f"New layer inside the ×{repeat.times} repeat, {place}{where.of}"
    return [Place(f"{pointer}/pattern/{index}", "pattern", said)]


def of_stack(pointer: str, stack: Stack, index: int, depth: int, of: str) -> list[Place]:
    """Before repeat `index` of the stack at `pointer`, `depth` layers from its top."""
    if len(stack.layers) >= MOST["layers"]:
        return []
    said = f"New layer after layer {depth}{of}" if depth else f"New layer before layer 1{of}"
    return [Place(f"{pointer}/layers/{index}", "layers", said if stack.layers else f"First layer{of}")]


def spread(places: Sequence[Place], top: float, bottom: float, left: float, width: float) -> list[Slot]:
    """Slots of one gap, evenly from its upper to its lower edge; a single one in the middle.

    `left` and `width` are those of the column.
    """
    n = len(places)
    room = bottom - top - 2 * EDGE
    insets = {"parts": INSET, "pattern": 0.0, "layers": -14.0}
    return [
        Slot(
            x=left + insets[place.level],
            y=top + EDGE + (room * i / (n - 1) if n > 1 else room / 2),
            w=width - insets[place.level] - max(0.0, insets[place.level]),
            place=place.place,
            said=place.said,
            takes=_TAKES[place.level],
        )
        for i, place in enumerate(places)
    ]
