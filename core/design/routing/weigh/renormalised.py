"""Scores of the selected experts, made to sum to one (Mixtral, arXiv 2401.04088)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.problems import Problem, Site
from core.design.routing.weigh.base import WEIGH, Weigh


@WEIGH.register
class Renormalised(Weigh):
    """Equal to a softmax over the selected logits when the score function is softmax."""

    divides = True
    kind: Literal["renormalised"]

    def rules(self, site: Site) -> Iterator[Problem]:
        moe = site.moe
        if moe is None or not moe.router.learns or moe.router.select.fewest(moe.count) != 1:
            return
        if moe.router.score.asks:
            yield site.warning(
                "router-no-gradient",
                "With one expert and normalised weights the score learns only through the expert.",
            )
            return
        yield from self.constant(site, "normalised weights")
