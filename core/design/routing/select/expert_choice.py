"""Experts choose their tokens (arXiv 2202.09368)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import field
from core.design.problems import Problem, Site
from core.design.routing.select.base import SELECT, Select
from core.design.routing.select.exact import exact_balance_rules


@SELECT.register
class ExpertChoice(Select):
    """Each expert takes its best `factor * T / E` tokens; balance is exact, tokens may get none."""

    token_choice = False
    looks_ahead = True
    ragged = True
    kind: Literal["expert_choice"]
    factor: float = field(2.0, gt=0, le=4096, unit="experts per token on average", symbol="c")

    def fewest(self, experts: int) -> int:
        return 0

    def most(self, experts: int) -> int:
        return experts

    def expected(self, experts: int) -> float:
        return min(self.factor, float(experts))

    def exact(self, training: bool) -> bool:
        return True

    def rules(self, site: Site) -> Iterator[Problem]:
        yield from exact_balance_rules(site, "Expert choice")
