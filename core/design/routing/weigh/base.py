"""Base of the weighers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from core.design.base import Choice, Spec, field
from core.design.edit import Edit
from core.design.problems import Problem, Site


class Weigh(Spec):
    """Turns clean scores of accepted experts into combine weights, times a route scale."""

    kind: str

    #: Whether the task's loss reaches the router through the weights.
    reaches: ClassVar[bool] = True
    #: Divides by the sum of the selected scores.
    divides: ClassVar[bool] = False

    scale: float = field(1.0, gt=0, le=1e4, advanced=True, unit="route scale")

    def instead(self, site: Site) -> Edit:
        return site.set("", {"kind": "raw", "scale": self.scale}, label="Use raw weights")

    def computed(self, selected: float, training: bool) -> float:
        """Of `selected` experts a token, those that compute it."""
        return selected

    def sum_to_one(self, distribution: bool) -> bool:
        """Whether the weights of all experts do, before the route scale; `distribution`: their scores do."""
        return True

    def unreached(self, site: Site, why: str) -> Iterator[Problem]:
        """The warning that no gradient of the task ever reaches a router that could learn from it."""
        if site.moe is not None and site.moe.router.learns:
            yield site.warning(
                "router-no-gradient",
                f"With {why} the task's loss never reaches the router; only balancers train it.",
                edits=(self.instead(site),),
            )

    def constant(self, site: Site, why: str) -> Iterator[Problem]:
        """The error of a weight that is a constant where a token gets a single expert."""
        moe = site.moe
        if moe is None or not moe.router.learns or moe.router.select.fewest(moe.count) != 1:
            return
        edits = [self.instead(site)]
        edits += moe.router.select.at_least_two(site.up().at("select"))
        yield site.error(
            "router-no-gradient",
            f"With one expert and {why} the router gets no gradient: the weight is always the same.",
            "To fix this, use raw weights or at least two experts per token.",
            edits=tuple(edits),
        )


WEIGH = Choice("weigh", "weighing")
