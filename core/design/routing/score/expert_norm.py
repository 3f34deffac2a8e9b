"""Autonomy of Experts: each expert's own low-rank activation norm is its score (arXiv 2501.13074)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight
from core.design.problems import Problem, Site
from core.design.routing.score.base import SCORE, Score


@SCORE.register
class ExpertNormScore(Score):
    """No router parameters: the bank computes `||x A_e||` for every expert and keeps it for the chosen."""

    trainable = False
    kind: Literal["expert_norm"]

    def weights(self, width: int, experts: int) -> Iterator[Weight]:
        yield from ()

    def rules(self, site: Site) -> Iterator[Problem]:
        moe = site.moe
        if moe is None:
            return
        ranks = {(g.kind, getattr(g, "rank", 0)) for g in moe.experts}
        if len(ranks) > 1 or next(iter(ranks))[0] != "glu_lowrank":
            groups = [
                {"kind": "glu_lowrank", "count": g.count, "hidden": max(1, g.inner), "rank": 8}
                for g in moe.experts
            ]
            body = site.goto(site.path.removesuffix("/router/score"))
            yield site.error(
                "score-needs-lowrank",
                "Experts that score themselves need one low-rank gate of equal rank each.",
                "To fix this, make all experts low-rank gated with one rank, or use a linear score.",
                edits=(
                    body.set("experts", groups, label="Make all experts low-rank"),
                    site.set("", {"kind": "linear"}, label="Use a linear score"),
                ),
            )
