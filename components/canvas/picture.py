"""What a drawing consists of: boxes, wires and labels in pixels of a column of known width.

All of it is plain data: the browser part only paints it, and another painter (a file, a report) may too.
"""

from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal

Takes = Literal["part", "layer", "repeat"]

BoxKind = Literal[
    "row",
    "open",
    "router",
    "expert",
    "cell",
    "swarm",
    "shared",
    "combine",
    "repeat",
    "panel",
    "problem",
    "count",
]
#: Where the columns of a row end, in pixels from its right edge; the last one is the bar of its share.
COLUMN_ENDS = (202.0, 134.0, 66.0, 13.0)
WireKind = Literal["spine", "fan", "pick", "skip", "bracket", "rule"]


@dataclass(frozen=True)
class Fix:
    """A button that mends a problem: its words and the edit, as JSON, for the design with this revision."""

    label: str
    edit: dict[str, Any]


@dataclass(frozen=True)
class Box:
    """A rectangle. `target` is the JSON pointer that choosing it selects; empty for what cannot be chosen.

    `line` counts the rows of boxes from the top for the arrow keys. `fill` is the width in pixels that is to
    scale, where the box itself is wider so that it can be hit. `figures` are the columns of a row.

    A `repeat` box stands in the margin: a bracket's "×24" with the layers it spans as its note, or the bare
    number of a single layer. `moves` is the pointer of what dragging the box moves. A box with a `scale` is
    resized by its right edge: pixels for one hidden unit, `inner` units now, `number` counts the experts of
    its list. A `count` box is a handle: pressing it changes the experts of the group `target` by `by`. `heat`
    is 0 to 1 on the colour scale, None where the quantity does not apply; `dead` marks an expert that got no
    token: hatch it. A `swarm` box stands for so many `cells`, one for each expert.
    """

    id: str
    kind: BoxKind
    x: float
    y: float
    w: float
    h: float
    target: str = ""
    line: int = 0
    glyph: str = ""
    title: str = ""
    note: str = ""
    chip: str = ""
    fill: float | None = None
    figures: tuple[str, ...] = ()
    share: float | None = None
    mark: str = ""
    said: str = ""
    folds: str = ""
    fixes: tuple[Fix, ...] = ()
    scale: float = 0.0
    inner: int = 0
    number: int | None = None
    moves: str = ""
    by: int = 0
    heat: float | None = None
    heat_text: str = ""
    dead: bool = False
    cells: int = 0


@dataclass(frozen=True)
class Slot:
    """A place between parts where something can be dropped: a line at `y` from `x`, `w` wide.

    `place` is the pointer of the list entry before which it is put; `takes` the kinds of things that fit:
    what is smaller than a layer becomes a layer of its own where layers stand. Slots of one gap differ in y;
    `x` says the level: inside a layer they are inset, those of a stack begin at its brackets.
    """

    x: float
    y: float
    w: float
    place: str
    said: str
    takes: tuple[Takes, ...]


@dataclass(frozen=True)
class Legend:
    """What the colours of a heat drawing stand for: title, text of the low and the high end of the scale."""

    title: str
    low: str
    high: str


@dataclass(frozen=True)
class Wire:
    """A path of an SVG."""

    kind: WireKind
    d: str


@dataclass(frozen=True)
class Label:
    """Text that nobody clicks."""

    x: float
    y: float
    text: str
    anchor: Literal["start", "middle", "end"] = "start"


@dataclass
class Picture:
    """A finished drawing, or one in the making."""

    width: float
    height: float = 0.0
    boxes: list[Box] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    legend: Legend | None = None

    def wire(self, kind: WireKind, d: str) -> None:
        """Add one path."""
        self.wires.append(Wire(kind, d))

    def box(self, target: str) -> Box:
        """The first box that selects `target`. KeyError if there is none."""
        for box in self.boxes:
            if box.target == target:
                return box
        raise KeyError(target)

    def as_json(self) -> dict[str, Any]:
        """Plain data for the browser: what is as usual left out, pixels to a tenth.

        Written out, because `dataclasses.asdict` copies everything twice and an edit waits for it.
        """
        return {
            "width": round(self.width, 1),
            "height": round(self.height, 1),
            "boxes": [_lean(box) for box in self.boxes],
            "wires": [{"kind": wire.kind, "d": wire.d} for wire in self.wires],
            "labels": [
                {"x": round(label.x, 1), "y": round(label.y, 1), "text": label.text, "anchor": label.anchor}
                for label in self.labels
            ],
            "slots": [
                {
                    "x": round(slot.x, 1),
                    "y": round(slot.y, 1),
                    "w": round(slot.w, 1),
                    "place": slot.place,
                    "said": slot.said,
                    "takes": slot.takes,
                }
                for slot in self.slots
            ],
            "legend": dict(vars(self.legend)) if self.legend else None,
        }


#: Pixels need a tenth; these are no pixels.
_FINE = {"share": 4, "heat": 3, "scale": 6}
_USUAL = [(f.name, f.default) for f in fields(Box) if f.default is not MISSING]


def _lean(box: Box) -> dict[str, Any]:
    """The box without what is as usual."""
    values = vars(box)
    out: dict[str, Any] = {
        "id": box.id,
        "kind": box.kind,
        "x": round(box.x, 1),
        "y": round(box.y, 1),
        "w": round(box.w, 1),
        "h": round(box.h, 1),
    }
    for key, usual in _USUAL:
        value = values[key]
        # Most are the very object of the default, so that comparing is rarely needed.
        if value is usual or value == usual:
            continue
        out[key] = round(value, _FINE.get(key, 1)) if isinstance(value, float) else value
    if box.fixes:
        out["fixes"] = [{"label": fix.label, "edit": fix.edit} for fix in box.fixes]
    return out
