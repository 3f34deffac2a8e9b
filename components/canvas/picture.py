"""What a drawing consists of: boxes, wires and labels in pixels of a column of known width.

All of it is plain data: the browser part only paints it, and another painter (a file, a report) may too.
"""

from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any, Literal

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


@dataclass(frozen=True)
class Slot:
    """A place between parts where something can be dropped: a line at `y` from `x`, `w` wide.

    `place` is the pointer of the list entry before which it is put; `takes` the kinds of things that fit.
    """

    x: float
    y: float
    w: float
    place: str
    said: str
    takes: tuple[Literal["part", "layer", "repeat"], ...]


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
        """Plain data for the browser, empty values left out."""
        return {
            "width": round(self.width, 1),
            "height": round(self.height, 1),
            "boxes": [_lean(box) for box in self.boxes],
            "wires": [asdict(wire) for wire in self.wires],
            "labels": [asdict(label) for label in self.labels],
            "slots": [asdict(slot) for slot in self.slots],
            "legend": asdict(self.legend) if self.legend else None,
        }


def _lean(box: Box) -> dict[str, Any]:
    """The box without what is as usual."""
    values = {key: value for key, value in asdict(box).items() if key not in _USUAL or value != _USUAL[key]}
    return {key: round(value, 3) if isinstance(value, float) else value for key, value in values.items()}


_USUAL = {f.name: f.default for f in fields(Box) if f.default is not MISSING}
