"""All experts above a probability (dense-to-sparse gating, arXiv 2112.14397)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import field
from core.design.problems import Problem, Site
from core.design.routing.select.base import SELECT, Select
from core.design.routing.select.top_k import too_many
from core.design.schedule import Fraction


@SELECT.register
class Threshold(Select):
    """Experts whose score is at least `theta`, and the best `min_k` in any case."""

    ragged = True
    kind: Literal["threshold"]
    theta: Fraction = field(0.1, symbol=r"\theta", description="the least score that is picked")
    min_k: int = field(
        1, ge=1, le=4096, unit="experts per token", description="picked even when fewer reach the score"
    )

    def fewest(self, experts: int) -> int:
        return min(self.min_k, experts)

    def most(self, experts: int) -> int:
        return experts

    def expected(self, experts: int) -> float:
        return float(min(experts, max(self.min_k, 2)))

    def rules(self, site: Site) -> Iterator[Problem]:
        if site.moe is not None and self.min_k > site.moe.count:
            yield too_many(site, self.min_k, site.moe.count, at="min_k")
