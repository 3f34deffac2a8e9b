"""No score at all: every expert is as good as the next (THOR, arXiv 2110.04260; the random control)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight
from core.design.problems import Problem, Site
from core.design.routing.score.base import SCORE, Score


@SCORE.register
class UniformScore(Score):
    """Random experts; no parameters."""

    learns = False
    reads = False
    bends = False
    conditioned = False
    kind: Literal["uniform"]

    def weights(self, width: int, experts: int, islands: int) -> Iterator[Weight]:
        yield from ()

    def rules(self, site: Site) -> Iterator[Problem]:
        moe = site.moe
        if moe is None:
            return
        router = site.goto(site.path.removesuffix("/score"))
        if moe.router.condition is not None:
            yield router.error(
                "uniform-condition",
                "A random choice cannot depend on the task.",
                "To fix this, remove the condition.",
                edits=(router.remove("condition", label="Remove the condition"),),
                at="condition",
            )
        if moe.router.select.ranks:
            yield router.error(
                "uniform-one",
                "Without a score all experts are equal, so the first would be picked again and again.",
                "To fix this, draw one expert at random, or use a linear score.",
                edits=(
                    router.merge(
                        {"select": {"kind": "sample_one"}, "weigh": {"kind": "ones"}}, label="Draw one expert"
                    ),
                    router.set("score", {"kind": "linear"}, label="Use a linear score"),
                ),
                at="select",
            )
