"""A difference in words: "Layers 3–26, MoE layer: experts 8 → 16"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["set", "added", "removed", "moved"]


@dataclass(frozen=True)
class Change:
    """One difference. `before` or `after` is empty where there is nothing; pointers lead into either design.

    Of several layers that changed alike, the pointers are those of the first.
    """

    where: str
    kind: Kind
    name: str
    before: str
    after: str
    before_pointer: str = ""
    after_pointer: str = ""

    @property
    def what(self) -> str:
        """The change without its place: `experts 8 → 16`, `added 1 shared expert of width 512`."""
        if self.kind == "added":
            return f"added {self.after}"
        if self.kind == "removed":
            return f"removed {self.before}"
        if self.kind == "moved":
            return f"{self.name} moved from {self.before}".strip()
        # `128 → 256 tokens`: a unit is said once.
        unit = self.after.rpartition(" ")[2] if " " in self.after else ""
        before = self.before.removesuffix(f" {unit}") if unit == "tokens" else self.before
        return f"{self.name} {before} → {self.after}".strip()

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True)
class Said:
    """A change inside a part; paths are relative to it. `place` names the part within its layer."""

    kind: Kind
    name: str
    before: str
    after: str
    at: tuple[str, str] = ("", "")
    place: str = ""

    def under(self, before: str, after: str, place: str = "") -> Said:
        return replace(self, at=(before + self.at[0], after + self.at[1]), place=place or self.place)

    def of(self, where: str) -> Change:
        """The change of a design that this is at a place of it."""
        before = "" if self.kind == "added" else self.at[0]
        after = "" if self.kind == "removed" else self.at[1]
        return Change(where, self.kind, self.name, self.before, self.after, before, after)


def summary(changes: Sequence[Change], most: int = 2) -> str:
    """One line: the first changes, and how many more there are."""
    if not changes:
        return "no difference"
    more = [f"{len(changes) - most} more"] if len(changes) > most else []
    return "; ".join([*map(str, changes[:most]), *more])
