"""Uncertain rule: tokens whose router cannot decide go to every expert (GW-MoE, arXiv 2406.12375)."""

from __future__ import annotations

from collections.abc import Iterator

from core.design.base import Spec, field
from core.design.problems import Problem, Site


class Broadcast(Spec):
    """Tokens with at least `threshold` of the largest entropy visit all experts by raw scores.

    While fine-tuning only; of every example the first `slots` such tokens.
    """

    threshold: float = field(0.95, ge=0, le=1, symbol=r"\kappa", unit="of ln E")
    slots: int | None = field(None, ge=0, le=1_000_000, unit="tokens per example, empty: all", advanced=True)

    def rules(self, site: Site) -> Iterator[Problem]:
        moe = site.moe
        if moe is not None:
            select = moe.router.select
            # Selectors that look ahead have a rule of their own.
            if not (select.token_choice or select.looks_ahead) or not moe.router.score.learns:
                yield site.error(
                    "uncertain-needs-choice",
                    "An uncertain rule needs a router that learned to choose: here nothing chooses by a"
                    " learned score.",
                    "To fix this, remove the uncertain rule.",
                    edits=(site.remove(label="Remove the rule"),),
                )
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
                "broadcast-from-scratch",
                "From random weights nearly all tokens are uncertain, and each of them costs all experts.",
                "To fix this, train without the uncertain rule first and begin with that run.",
            )
