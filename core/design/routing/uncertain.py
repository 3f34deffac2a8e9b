"""Uncertain rule: tokens whose router cannot decide go to every expert (GW-MoE, arXiv 2406.12375)."""

from __future__ import annotations

from collections.abc import Iterator

from core.design.base import Spec, field
from core.design.problems import Problem, Site


class Broadcast(Spec):
    """Tokens with normalised entropy above `threshold` visit all experts by raw scores; fine-tuning only."""

    trainable = False
    threshold: float = field(0.95, ge=0, le=1, symbol=r"\kappa")

    def rules(self, site: Site) -> Iterator[Problem]:
        moe = site.moe
        if moe is not None and moe.router.score_function != "softmax":
            router = site.up()
            yield router.error(
                "needs-distribution",
                f"The uncertain rule measures entropy, and {moe.router.score_function} scores are no"
                f" distribution.",
                "To fix this, switch to softmax.",
                edits=(router.set("score_function", "softmax", label="Use softmax"),),
                at="score_function",
            )
        if site.plan is not None and site.plan.start_from is None:
            yield site.warning(
                "broadcast-from-scratch", "From random weights all tokens are uncertain at first: dense cost."
            )
