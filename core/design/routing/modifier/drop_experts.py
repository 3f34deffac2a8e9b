"""Experts or whole islands switched off at random in training (MoEC, arXiv 2207.09094)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import field
from core.design.problems import Problem, Site
from core.design.routing.modifier.base import MODIFIER, Modifier


@MODIFIER.register
class DropExperts(Modifier):
    """Drops a share of the experts of each island; the mask is drawn anew every `refresh` steps."""

    trainable = False
    kind: Literal["drop_experts"]
    unit: Literal["expert", "island"] = field("expert")
    rate: float = field(0.25, ge=0, lt=1, symbol=r"\gamma")
    refresh: int = field(1, ge=1, le=1_000_000, unit="steps", advanced=True)

    def rules(self, site: Site) -> Iterator[Problem]:
        moe = site.moe
        if moe is None:
            return
        left = moe.count - int(moe.count * self.rate)
        if left < moe.router.select.most(moe.count):
            yield site.error(
                "drop-too-many",
                f"Dropping {self.rate:g} of {moe.count} experts leaves {left}, fewer than a token may need.",
                "To fix this, drop none.",
                edits=(site.set("rate", 0.0, label="Drop none"),),
                at="rate",
            )
