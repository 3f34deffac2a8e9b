"""Prefers narrow experts (HMoE, arXiv 2408.10681), widths over their mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import field
from core.design.problems import Problem, Site
from core.design.routing.balance.base import BALANCE, Balancer


@BALANCE.register
class ParamPenalty(Balancer):
    """`E * sum_e m_e * P_e`: m selections a token times `h_e / mean(h)`, P mean scores."""

    kind: Literal["param_penalty"]
    coefficient: float = field(0.1, ge=0, le=100)

    def rules(self, site: Site) -> Iterator[Problem]:
        yield from super().rules(site)
        moe = site.moe
        if moe is None:
            return
        if len({g.inner for g in moe.experts}) == 1:
            yield site.warning(
                "penalty-equal",
                "All experts are equally wide, so this is load balance times the experts of a token.",
            )
        if any(b.evens for b in moe.balance):
            yield site.warning(
                "penalty-and-balance", "Load balance pulls to equal use, this penalty to narrow experts."
            )
