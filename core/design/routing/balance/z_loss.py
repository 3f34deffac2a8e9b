"""Keeps router logits small (ST-MoE, arXiv 2202.08906)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import field
from core.design.problems import Problem, Site
from core.design.routing.balance.base import BALANCE, Balancer


@BALANCE.register
class ZLoss(Balancer):
    """Mean over tokens of the squared log-sum-exp of raw logits."""

    needs_distribution = True
    of_logits = True
    kind: Literal["z_loss"]
    coefficient: float = field(0.001, ge=0, le=100)

    def rules(self, site: Site) -> Iterator[Problem]:
        yield from super().rules(site)
        if site.moe is not None and site.moe.router.score.asks:
            yield site.error(
                "needs-distribution",
                "Norms of experts are no logits, so a z-loss has no meaning on them.",
                "To fix this, remove the z-loss.",
                edits=(site.remove(label="Remove the z-loss"),),
            )
