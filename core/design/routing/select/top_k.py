"""The k best scores; ties go to the lower index."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import field
from core.design.edit import Edit
from core.design.problems import Problem, Site
from core.design.routing.select.base import SELECT, Select
from core.design.schedule import Count, Schedule, ends_of, value_at

#: Moments of a training over which a schedule is averaged.
_MOMENTS = 1000


def too_many(site: Site, k: int, experts: int, at: str = "k") -> Problem:
    """The problem of a k above the number of experts."""
    edits = [site.set(at, experts, label=f"Set top-k to {experts}")]
    if site.moe is not None:
        body = site.path.split("/router/")[0]
        groups = len(site.moe.experts)
        grow = site.goto(f"{body}/experts/{groups - 1}")
        more = site.moe.experts[-1].count + k - experts
        edits.append(grow.set("count", more, label=f"Add {k - experts} experts"))
    return site.error(
        "k-over-experts",
        f"Top-k {k} is more than the {experts} experts of this layer.",
        f"To fix this, pick at most {experts} or add experts.",
        edits=tuple(edits),
        at=at,
    )


@SELECT.register
class TopK(Select):
    """`k` experts for every token. `random_second` drops the second at random by its weight (GShard)."""

    steered = True
    kind: Literal["top_k"]
    k: Count = field(2, symbol="K", unit="experts per token")
    random_second: bool = field(False, advanced=True)

    @property
    def drawn(self) -> bool:
        return self.random_second

    def fewest(self, experts: int) -> int:
        return min(experts, int(ends_of(self.k)[0]))

    def most(self, experts: int) -> int:
        return min(experts, int(ends_of(self.k)[1]))

    def expected(self, experts: int) -> float:
        return float(self._at(1.0, experts))

    def while_training(self, experts: int) -> float:
        if not isinstance(self.k, Schedule):
            return self.expected(experts)
        return sum(self._at((i + 0.5) / _MOMENTS, experts) for i in range(_MOMENTS)) / _MOMENTS

    def at_least_two(self, site: Site) -> Iterator[Edit]:
        if site.moe is not None and site.moe.count > 1:
            yield site.set("k", 2, label="Set top-k to 2")

    def _at(self, progress: float, experts: int) -> int:
        return min(max(round(value_at(self.k, progress)), 1), experts)

    def rules(self, site: Site) -> Iterator[Problem]:
        moe = site.moe
        if moe is not None and ends_of(self.k)[1] > moe.count:
            yield too_many(site, int(ends_of(self.k)[1]), moe.count)
        if self.random_second and ends_of(self.k) != (2, 2):
            yield site.error(
                "random-second",
                "A random second expert needs exactly two experts a token.",
                "To fix this, switch the random second off.",
                edits=(site.set("random_second", False, label="Always take the second"),),
                at="random_second",
            )
