"""Which skills each task uses, as a 0/1 table (SkillNet, arXiv 2203.03312)."""

from __future__ import annotations

from typing import Literal

from core.design.base import field
from core.design.routing.condition.base import CONDITION, Condition


@CONDITION.register
class SkillTable(Condition):
    """`rows[head name]` lists the experts a task uses."""

    kind: Literal["skill_table"]
    rows: dict[str, tuple[int, ...]] = field({}, form="table")

    def __hash__(self) -> int:
        # The only dict of the vocabulary: with it hashed, a whole design can be a cache key.
        return hash((self.kind, tuple(self.rows.items())))
