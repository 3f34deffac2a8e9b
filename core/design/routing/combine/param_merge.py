"""Experts merged in parameter space, one merged expert an example (SMEAR, arXiv 2306.03745)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.problems import Problem, Site, plain
from core.design.routing.combine.base import COMBINE, Combine


@COMBINE.register
class ParamMerge(Combine):
    """Needs equal experts, one decision an example, and all experts."""

    selects = False
    kind: Literal["param_merge"]

    def rows(self, experts: int, chosen: float, tokens: int) -> float:
        return 1.0

    def sent(self, experts: int, tokens: int) -> float | None:
        return 0.0

    def merged_macs(self, parameters: int) -> int:
        return parameters

    def rules(self, site: Site) -> Iterator[Problem]:
        moe = site.moe
        if moe is None:
            return
        router, spec = site.up(), moe.router
        unequal = len({g.model_copy(update={"count": 1}) for g in moe.experts}) > 1
        chosen = spec.select.picks or spec.capacity is not None or spec.uncertain is not None
        if unequal or chosen or spec.scope == "token" or moe.balance:
            edits = [router.set("combine", {"kind": "output_mix"}, label="Mix outputs")]
            if not unequal and not (site.causal and spec.scope == "token"):
                scope = "example" if spec.scope == "token" else spec.scope
                own = {"select": {"kind": "all"}, "capacity": None, "uncertain": None, "scope": scope}
                values = {"balance": [], "router": plain(spec) | own}
                edits.insert(0, router.up().merge(values, label="Merge without selection and balancers"))
            yield site.error(
                "merge-needs-equal",
                "Merging needs equally shaped experts and one decision per example, with nothing"
                " selected or balanced.",
                "To fix this, mix the outputs instead, or make experts equal and remove selection and"
                " balancers.",
                edits=tuple(edits),
            )
        elif site.causal and spec.scope == "example":
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
        if spec.weigh.scale != 1 or not spec.weigh.sum_to_one(spec.score_function == "softmax"):
            softmax = {"weigh": {"kind": "raw"}, "score_function": "softmax"}
            yield router.error(
                "merge-weights",
                "Experts are merged by shares that sum to one; others would make the merged expert larger or"
                " smaller than any of them.",
                "To fix this, use softmax scores as they are.",
                edits=(router.merge(softmax, label="Use softmax scores"),),
                at="weigh",
            )
