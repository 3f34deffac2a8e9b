"""The expert's output mixed with the token itself (MoEC, arXiv 2207.09094)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import field
from core.design.problems import Problem, Site
from core.design.routing.weigh.base import WEIGH, Weigh


@WEIGH.register
class IdentityMix(Weigh):
    """`alpha * f(x) + (1 - alpha) * x`; alpha is the sigmoid of the chosen expert's logit, or fixed."""

    kind: Literal["identity_mix"]
    alpha: float | None = field(
        None,
        ge=0,
        le=1,
        symbol=r"\alpha",
        description="share of the expert's output, the rest is the token; empty: the score decides",
    )

    def sum_to_one(self, distribution: bool) -> bool:
        return False

    def rules(self, site: Site) -> Iterator[Problem]:
        if self.alpha is not None:
            yield from self.constant(site, "a fixed share of the token itself")
