"""Experts or whole islands switched off at random in training (MoEC, arXiv 2207.09094)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Literal

from core.design.base import field
from core.design.problems import Problem, Site
from core.design.routing.modifier.base import MODIFIER, Modifier


@MODIFIER.register
class DropExperts(Modifier):
    """Drops a share of the experts of each island, or of the islands; drawn anew every `refresh` steps."""

    explores = False
    closes = True
    kind: Literal["drop_experts"]
    unit: Literal["expert", "island"] = field("expert")
    rate: float = field(0.25, ge=0, lt=1, symbol=r"\gamma", description="share that is switched off")
    refresh: int = field(1, ge=1, le=1_000_000, unit="steps", advanced=True)

    def dropped(self, members: int) -> int:
        """How many of so many are dropped, rounded down; the rate is read as the decimal that is written."""
        return int(Fraction(str(self.rate)) * members)

    def left(self, experts: int, islands: int) -> tuple[int, int]:
        size = experts // islands
        if self.unit == "island":
            return islands - self.dropped(islands), size
        return islands, size - self.dropped(size)

    def rules(self, site: Site) -> Iterator[Problem]:
        yield from super().rules(site)
        moe = site.moe
        if moe is None or not self.rate or moe.count % moe.islands:
            return
        if moe.router.select.looks_ahead or moe.router.combine.exact:
            yield site.error(
                "drop-exact",
                "Experts that take an exact share of the tokens cannot be left out.",
                "To fix this, remove drop_experts.",
                edits=(site.remove(label="Remove drop_experts"),),
            )
            return
        earlier = moe.router.modifiers[: int(site.path.rsplit("/", 1)[1])]
        if any(isinstance(other, DropExperts) and other.rate for other in earlier):
            yield site.error(
                "drop-twice",
                "Experts are dropped twice, and both together may leave none.",
                "To fix this, drop once.",
                edits=(site.remove(label="Drop once"),),
            )
        yield from self._too_many(site)

    def _too_many(self, site: Site) -> Iterator[Problem]:
        count, select = site.moe.count, site.moe.router.select
        islands, size = self.left(count, site.moe.islands)
        needed = 1
        if select.token_choice:
            needed = select.fewest(count) if select.ragged else select.most(count)
        if needed > min(islands, getattr(select, "top_islands", islands)) * size:
            yield site.error(
                "drop-too-many",
                f"Dropping {self.rate:g} of {count} experts leaves {islands * size}, fewer than a token may"
                " need.",
                "To fix this, drop none.",
                edits=(site.set("rate", 0.0, label="Drop none"),),
                at="rate",
            )
        elif islands * size == count:
            yield site.warning(
                "drop-nothing",
                f"{self.rate:g} of {site.moe.islands} islands of {size} experts is less than one"
                f" {self.unit}, so nothing is ever dropped.",
                at="rate",
            )
