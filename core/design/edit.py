"""Edits as data: the one way a design changes. `core.design.edits` applies them.

Paths are JSON pointers (RFC 6901) into the design's JSON. `revision`, when given, is the sha of the design
that the edit was made for; another design refuses it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from core.design.base import Choice, Spec, field

EDIT = Choice("edit")


class Edit(Spec):
    """Base of all edits. `label` is the text of a button that applies it."""

    kind: str
    label: str = field("", max_length=200)
    revision: str = field("", max_length=64)


@EDIT.register
class SetValue(Edit):
    """Write one value."""

    kind: Literal["set"] = "set"
    path: str = field(max_length=400)
    value: Any = None


@EDIT.register
class Merge(Edit):
    """Write several fields of one object at once."""

    kind: Literal["merge"] = "merge"
    path: str = field(max_length=400)
    values: dict[str, Any]


@EDIT.register
class Insert(Edit):
    """Put a value into a list before `index`; -1 appends."""

    kind: Literal["insert"] = "insert"
    path: str = field(max_length=400)
    index: int = field(-1, ge=-1)
    value: Any


@EDIT.register
class Remove(Edit):
    """Take an entry out of a list, or put a field back to its default."""

    kind: Literal["remove"] = "remove"
    path: str = field(max_length=400)


@EDIT.register
class Move(Edit):
    """Move a list entry to another index of the same list."""

    kind: Literal["move"] = "move"
    path: str = field(max_length=400)
    to: int = field(ge=0)


@EDIT.register
class Duplicate(Edit):
    """Repeat a list entry right after itself."""

    kind: Literal["duplicate"] = "duplicate"
    path: str = field(max_length=400)


@EDIT.register
class Isolate(Edit):
    """Split a repeat so that one of its turns stands alone and can differ ("only this one").

    `path` is the pointer of the repeat, `turn` counts from 0.
    """

    kind: Literal["isolate"] = "isolate"
    path: str = field(max_length=400)
    turn: int = field(ge=0)


@EDIT.register
class Widths(Edit):
    """Write explicit expert widths by a rule, keeping the sum of widths: equal, arithmetic or geometric.

    `ratio` is widest over narrowest; `multiple` rounds. Source of the strategies: HMoE (arXiv 2408.10681).
    """

    kind: Literal["widths"] = "widths"
    path: str = field(max_length=400)
    strategy: Literal["equal", "arithmetic", "geometric"] = "equal"
    ratio: float = field(2.0, ge=1, le=64)
    multiple: int = field(8, ge=1, le=1024)


@EDIT.register
class FineGrain(Edit):
    """Cut each expert into `factor` narrower ones and select `factor` times as many (arXiv 2401.06066)."""

    kind: Literal["fine_grain"] = "fine_grain"
    path: str = field(max_length=400)
    factor: int = field(2, ge=2, le=64)


@EDIT.register
class Resize(Edit):
    """The size dial: scale width, expert widths and heads by one factor, keeping ratios and depth."""

    kind: Literal["resize"] = "resize"
    factor: float = field(gt=0, le=64)


@EDIT.register
class Batch(Edit):
    """Several edits as one step of the history: all or none."""

    kind: Literal["batch"] = "batch"
    edits: tuple[Annotated[Edit, EDIT], ...] = field(min_length=1, max_length=256)
