"""Soft MoE: experts work on slots that are mixtures of tokens (arXiv 2308.00951)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import field
from core.design.problems import Problem, Site
from core.design.routing.combine.base import COMBINE, Combine
from core.design.routing.select.exact import exact_balance_rules


@COMBINE.register
class SlotMix(Combine):
    """`slots` of each expert take a softmax over tokens; tokens take a softmax over slots."""

    trainable = False
    kind: Literal["slot_mix"]
    slots: int = field(1, ge=1, le=4096, unit="slots per expert")

    def rows(self, experts: int, chosen: float, tokens: int) -> float:
        return experts * self.slots / tokens

    def token_macs(self, width: int, experts: int, parameters: int, tokens: int) -> float:
        return 2.0 * experts * self.slots * width

    def rules(self, site: Site) -> Iterator[Problem]:
        yield from exact_balance_rules(site, "Soft MoE")
