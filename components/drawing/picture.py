"""What a drawing consists of: boxes, wires and labels in pixels of a column of known width.

All of it is plain data: the browser part only paints it, and another painter (a file, a report) may too.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

BoxKind = Literal[
    "row", "open", "router", "expert", "cell", "swarm", "shared", "combine", "repeat", "panel", "problem"
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
            "boxes": [_lean(asdict(box)) for box in self.boxes],
            "wires": [asdict(wire) for wire in self.wires],
            "labels": [asdict(label) for label in self.labels],
        }


def _lean(values: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in values.items() if value not in ("", (), None)}
    return {key: round(value, 1) if isinstance(value, float) else value for key, value in kept.items()}
