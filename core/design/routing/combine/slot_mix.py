"""Soft MoE: experts work on slots that are mixtures of tokens (arXiv 2308.00951)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from core.design.base import field
from core.design.problems import Problem, Site, plain
from core.design.routing.combine.base import COMBINE, Combine
from core.design.routing.select.exact import exact_balance_rules


@COMBINE.register
class SlotMix(Combine):
    """`slots` of each expert take a softmax over tokens; tokens take a softmax over slots."""

    selects = False
    exact = True
    kind: Literal["slot_mix"]
    slots: int = field(1, ge=1, le=4096, unit="slots per expert")

    def outputs(self, experts: int) -> int:
        return experts * self.slots

    def rows(self, experts: int, chosen: float, tokens: int) -> float:
        return experts * self.slots / tokens

    def sent(self, experts: int, tokens: int) -> float | None:
        # Slots travel, not tokens.
        return self.rows(experts, experts, tokens)

    def token_macs(self, width: int, experts: int) -> float:
        return 2.0 * experts * self.slots * width

    def rules(self, site: Site) -> Iterator[Problem]:
        yield from exact_balance_rules(site, "Soft MoE")
        moe = site.moe
        if moe is None:
            return
        router, spec = site.up(), moe.router
        for at, wanted in _PLAIN.items():
            if plain(getattr(spec, at)) != wanted:
                yield router.error(
                    "slots-mix-all",
                    "Slots mix all tokens of an example by softmax, so nothing is selected, weighed or"
                    " grouped before.",
                    f"To fix this, write the plain {at.replace('_', ' ')}, or mix outputs.",
                    edits=(
                        router.set(at, wanted, label=f"Use the plain {at.replace('_', ' ')}"),
                        router.set("combine", {"kind": "output_mix"}, label="Mix outputs"),
                    ),
                    at=at,
                )
        if not spec.score.learns or any(m.closes for m in spec.modifiers):
            yield router.error(
                "slots-need-rows",
                "Every slot needs a row of weights of its own that learns and is never dropped.",
                "To fix this, use a linear score, and no dropped experts.",
                edits=(
                    router.merge({"score": {"kind": "unit_linear"}, "modifiers": []}, label="Use unit rows"),
                ),
                at="score",
            )
        for i, balancer in enumerate(moe.balance):
            if not balancer.evens:
                body = router.goto(router.path.removesuffix("/router"))
                yield body.error(
                    "slots-balance",
                    f"Slots are always full, and {balancer.kind} needs tokens that select.",
                    f"To fix this, remove {balancer.kind}.",
                    edits=(body.remove(f"balance/{i}", label=f"Remove {balancer.kind}"),),
                    at=f"balance/{i}",
                )


#: What stands on axes that slots leave nothing to.
_PLAIN: dict[str, Any] = {
    "scope": "token",
    "condition": None,
    "select": {"kind": "all"},
    "weigh": {"kind": "raw"},
    "score_function": "softmax",
}
