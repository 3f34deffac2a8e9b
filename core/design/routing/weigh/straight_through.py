"""One-hot forward, soft backward (task-level MoE, arXiv 2205.12701)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.problems import Problem, Site
from core.design.routing.weigh.base import WEIGH, Weigh


@WEIGH.register
class StraightThrough(Weigh):
    """The best selected expert counts 1, gradients are those of the scores; outside training only it runs."""

    kind: Literal["straight_through"]

    def computed(self, selected: float, training: bool) -> float:
        return selected if training else min(selected, 1.0)

    def rules(self, site: Site) -> Iterator[Problem]:
        if site.moe is not None and site.moe.router.capacity is not None:
            router = site.up()
            yield router.error(
                "one-hot-capacity",
                "In training every selected expert is computed for its gradient, so a capacity would drop"
                " the one that counts.",
                "To fix this, remove the capacity.",
                edits=(router.remove("capacity", label="Remove the capacity"),),
                at="capacity",
            )
