"""No score of its own: the condition gives the logits (SkillNet, task-level MoE)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight
from core.design.problems import Problem, Site
from core.design.routing.score.base import SCORE, Score


@SCORE.register
class GivenScore(Score):
    """Logits of zero, which the condition writes or adds to; the token has no say."""

    learns = False
    reads = False
    kind: Literal["given"]

    def weights(self, width: int, experts: int, islands: int) -> Iterator[Weight]:
        yield from ()

    def rules(self, site: Site) -> Iterator[Problem]:
        if site.moe is not None and site.moe.router.condition is None:
            yield site.error(
                "given-by-nothing",
                "This score leaves the logits to a condition, and there is none.",
                "To fix this, use a linear score, or add a condition.",
                edits=(site.set("", {"kind": "linear"}, label="Use a linear score"),),
            )
