"""Experts by a fixed table: of skills a task uses (SkillNet, arXiv 2203.03312), or of hashes."""

from __future__ import annotations

from typing import Literal

from core.design.base import field
from core.design.routing.select.base import SELECT, Select


@SELECT.register
class TableSelect(Select):
    """The experts that a table names; `per_token` is how many it names on average."""

    token_choice = False
    looks_up = True
    kind: Literal["table"]
    per_token: int = field(1, ge=1, le=4096, unit="experts per token", description="columns of the table")

    def fewest(self, experts: int) -> int:
        return 1

    def most(self, experts: int) -> int:
        return min(self.per_token, experts)
