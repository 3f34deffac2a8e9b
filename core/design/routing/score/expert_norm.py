"""Autonomy of Experts: each expert's own low-rank activation norm is its score (arXiv 2501.13074)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from core.design.base import Spec, Weight
from core.design.problems import Problem, Site, plain
from core.design.routing.score.base import SCORE, Score


@SCORE.register
class ExpertNormScore(Score):
    """No router parameters: the bank computes `||x A_e||` for every expert and keeps it for the chosen."""

    asks = ("gate_a",)
    kind: Literal["expert_norm"]

    def weights(self, width: int, experts: int, islands: int) -> Iterator[Weight]:
        yield from ()

    def rules(self, site: Site) -> Iterator[Problem]:
        moe = site.moe
        if moe is None:
            return
        yield from _router_rules(site, moe.router)
        for i, balancer in enumerate(moe.balance):
            if balancer.of_logits:
                here = site.goto(site.path.removesuffix("/router/score")).at("balance", i)
                yield here.error(
                    "score-is-a-norm",
                    "A z-loss pulls logits towards zero, and here they are how strongly experts respond.",
                    "To fix this, remove the z-loss.",
                    edits=(here.remove(label=f"Remove {balancer.kind}"),),
                )
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


#: Experts score what they compute: each token, as it is, by nothing else; then they go on from there.
_ALONE: dict[str, Any] = {"scope": "token", "condition": None, "combine": {"kind": "output_mix"}}


def _router_rules(site: Site, router: Spec) -> Iterator[Problem]:
    around = site.up()
    for at, wanted in _ALONE.items():
        if plain(getattr(router, at)) != wanted:
            yield around.error(
                "score-is-the-expert",
                "Experts score themselves while they compute a token: each token is routed by itself,"
                " whatever its task, and outputs are mixed.",
                f"To fix this, write the plain {at}, or use a linear score.",
                edits=(
                    around.set(at, wanted, label=f"Use the plain {at}"),
                    site.set("", {"kind": "linear"}, label="Use a linear score"),
                ),
                at=at,
            )
    for i, modifier in enumerate(getattr(router, "modifiers", ())):
        if modifier.on_input:
            here = around.at("modifiers", i)
            yield here.error(
                "score-is-the-expert",
                "Jitter changes what a router reads, and these experts score what they compute.",
                "To fix this, remove the jitter.",
                edits=(here.remove(label="Remove the jitter"),),
            )
