"""Edits as data: the one way a design changes. `core.design.edits.apply` applies them.

Paths are JSON pointers into the design's JSON. `revision`, when given, is the sha of the design that the
edit was made for; another design refuses it. `write` changes a private copy of the JSON in place.
"""

from __future__ import annotations

from abc import abstractmethod
from copy import deepcopy
from typing import Annotated, Any, Literal

from core.design.plain import Choice, Plain, field
from core.design.pointer import PointerError, get, parent

EDIT = Choice("edit")

#: Edits in one batch; more are batches of batches.
MOST_EDITS = 256


class Edit(Plain):
    """Base of all edits. `label` is the text of a button that applies it."""

    kind: str
    label: str = field("", max_length=200)
    revision: str = field("", max_length=64)

    @abstractmethod
    def write(self, document: Any) -> Any:
        """Change `document` (JSON) and return it. Raises PointerError where the path leads nowhere."""


def _entry(document: Any, path: str) -> tuple[list[Any], int]:
    """The list and index that a path ends in."""
    holder, key = parent(document, path)
    if not isinstance(holder, list) or not key.isdecimal() or int(key) >= len(holder):
        raise PointerError(f"{path!r} is no entry of a list")
    return holder, int(key)


@EDIT.register
class SetValue(Edit):
    """Write one value."""

    kind: Literal["set"] = "set"
    path: str = field(max_length=400)
    value: Any = None

    def write(self, document: Any) -> Any:
        holder, key = parent(document, self.path)
        if isinstance(holder, list):
            holder, index = _entry(document, self.path)
            holder[index] = deepcopy(self.value)
        elif isinstance(holder, dict):
            holder[key] = deepcopy(self.value)
        else:
            raise PointerError(f"nothing can be set at {self.path!r}")
        return document


@EDIT.register
class Merge(Edit):
    """Write several fields of one object at once."""

    kind: Literal["merge"] = "merge"
    path: str = field(max_length=400)
    values: dict[str, Any]

    def write(self, document: Any) -> Any:
        target = get(document, self.path)
        if not isinstance(target, dict):
            raise PointerError(f"{self.path!r} has no fields")
        target.update(deepcopy(self.values))
        return document


@EDIT.register
class Insert(Edit):
    """Put a value into a list before `index`; -1 appends."""

    kind: Literal["insert"] = "insert"
    path: str = field(max_length=400)
    index: int = field(-1, ge=-1)
    value: Any

    def write(self, document: Any) -> Any:
        target = get(document, self.path)
        if not isinstance(target, list):
            raise PointerError(f"{self.path!r} is no list")
        target.insert(len(target) if self.index < 0 else self.index, deepcopy(self.value))
        return document


@EDIT.register
class Remove(Edit):
    """Take an entry out of a list, or put a field back to its default."""

    kind: Literal["remove"] = "remove"
    path: str = field(max_length=400)

    def write(self, document: Any) -> Any:
        holder, key = parent(document, self.path)
        if isinstance(holder, list):
            holder, index = _entry(document, self.path)
            del holder[index]
        elif isinstance(holder, dict):
            holder.pop(key, None)
        else:
            raise PointerError(f"nothing can be removed at {self.path!r}")
        return document


@EDIT.register
class Move(Edit):
    """Move a list entry to another index of the same list."""

    kind: Literal["move"] = "move"
    path: str = field(max_length=400)
    to: int = field(ge=0)

    def write(self, document: Any) -> Any:
        holder, index = _entry(document, self.path)
        holder.insert(self.to, holder.pop(index))
        return document


@EDIT.register
class Duplicate(Edit):
    """Repeat a list entry right after itself."""

    kind: Literal["duplicate"] = "duplicate"
    path: str = field(max_length=400)

    def write(self, document: Any) -> Any:
        holder, index = _entry(document, self.path)
        holder.insert(index + 1, deepcopy(holder[index]))
        return document


@EDIT.register
class Isolate(Edit):
    """Split a repeat so that one of its turns stands alone and can differ ("only this one").

    `path` is the pointer of the repeat, `turn` counts from 0.
    """

    kind: Literal["isolate"] = "isolate"
    path: str = field(max_length=400)
    turn: int = field(ge=0)

    def write(self, document: Any) -> Any:
        holder, index = _entry(document, self.path)
        repeat = holder[index]
        if not isinstance(repeat, dict) or "pattern" not in repeat:
            raise PointerError(f"{self.path!r} is no repeat")
        times = repeat.get("times", 1)
        if self.turn >= times:
            raise PointerError(f"turn {self.turn} of a repeat of {times}")
        pieces = [n for n in (self.turn, 1, times - self.turn - 1) if n]
        holder[index : index + 1] = [{**deepcopy(repeat), "times": n} for n in pieces]
        return document


@EDIT.register
class Batch(Edit):
    """Several edits as one step of the history: all or none."""

    kind: Literal["batch"] = "batch"
    edits: tuple[Annotated[Edit, EDIT], ...] = field(min_length=1, max_length=MOST_EDITS)

    def write(self, document: Any) -> Any:
        for edit in self.edits:
            document = edit.write(document)
        return document
