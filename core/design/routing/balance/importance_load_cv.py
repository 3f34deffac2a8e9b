"""Squared coefficients of variation of importance and smooth load (arXiv 1701.06538)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import field
from core.design.problems import Problem, Site
from core.design.routing.balance.base import BALANCE, Balancer


@BALANCE.register
class ImportanceLoadCV(Balancer):
    """`importance * CV^2(sum of weights) + load * CV^2(smooth load)`; the load term needs noisy logits."""

    evens = True
    kind: Literal["importance_load_cv"]
    importance: float = field(
        0.01, ge=0, le=100, description="coefficient on the summed weights of an expert"
    )
    load: float = field(0.01, ge=0, le=100, description="coefficient on how many tokens an expert gets")

    def rules(self, site: Site) -> Iterator[Problem]:
        yield from super().rules(site)
        moe = site.moe
        if moe is None or not self.load:
            return
        if not any(each.noisy for each in (moe.router.score, *moe.router.modifiers)):
            yield site.warning(
                "load-without-noise",
                "Without noise on the logits the load term has no gradient; only importance balances.",
                edits=(site.set("load", 0.0, label="Drop the load term"),),
                at="load",
            )
