"""Experts merged in parameter space, one merged expert an example (SMEAR, arXiv 2306.03745)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.problems import Problem, Site
from core.design.routing.combine.base import COMBINE, Combine


@COMBINE.register
class ParamMerge(Combine):
    """Needs equal experts, one decision an example, and all experts."""

    trainable = False
    kind: Literal["param_merge"]

    def rows(self, experts: int, chosen: float, tokens: int) -> float:
        return 1.0

    def token_macs(self, width: int, experts: int, parameters: int, tokens: int) -> float:
        return parameters / tokens

    def rules(self, site: Site) -> Iterator[Problem]:
        moe = site.moe
        if moe is None:
            return
        router = site.up()
        unequal = len({(g.kind, g.inner) for g in moe.experts}) > 1
        lone = (
            moe.router.scope == "token" or moe.router.select.kind != "all" or moe.router.capacity is not None
        )
        if unequal or lone or moe.balance:
            yield site.error(
                "merge-needs-equal",
                "Merging needs equally shaped experts and one decision per example, with nothing"
                " selected or balanced.",
                "To fix this, mix the outputs instead, or make experts equal and remove selection and"
                " balancers.",
                edits=(router.set("combine", {"kind": "output_mix"}, label="Mix outputs"),),
            )
        elif site.causal and moe.router.scope == "example":
            yield site.error(
                "looks-ahead",
                "Pooling a whole example looks at later tokens, so next-token loss would be cheating.",
                "To fix this, mix outputs of each token's own experts.",
                edits=(
                    router.merge(
                        {
                            "scope": "token",
                            "combine": {"kind": "output_mix"},
                            "select": {"kind": "top_k", "k": min(2, moe.count)},
                        },
                        label="Route each token",
                    ),
                ),
            )
