"""The smallest set of experts whose probabilities reach p (dynamic routing, arXiv 2403.07652)."""

from __future__ import annotations

from typing import Literal

from core.design.base import field
from core.design.routing.select.base import SELECT, Select
from core.design.schedule import Fraction


@SELECT.register
class TopP(Select):
    """Takes experts by falling score while the mass before them is below p; at most `max_k`."""

    ragged = True
    needs_distribution = True
    kind: Literal["top_p"]
    p: Fraction = field(0.5, symbol="p", description="probability that the picked experts reach together")
    max_k: int | None = field(None, ge=1, le=4096, description="of a token; empty: no limit")

    def fewest(self, experts: int) -> int:
        return 1

    def most(self, experts: int) -> int:
        return min(experts, self.max_k or experts)

    def expected(self, experts: int) -> float:
        return float(min(self.most(experts), 2))
