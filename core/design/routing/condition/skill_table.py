"""Which skills each task uses, as a 0/1 table (SkillNet, arXiv 2203.03312)."""

from __future__ import annotations

from typing import Literal

from core.design.base import Spec, field
from core.design.routing.condition.base import CONDITION, Condition


class SkillRow(Spec):
    """The experts that one task uses; `task` is the name of a head."""

    task: str = field(min_length=1, max_length=64)
    experts: tuple[int, ...] = field((), max_length=4096)


@CONDITION.register
class SkillTable(Condition):
    """One row for each task."""

    kind: Literal["skill_table"]
    rows: tuple[SkillRow, ...] = field((), max_length=256)
