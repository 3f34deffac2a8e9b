"""One expert drawn at random (THOR, arXiv 2110.04260)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import field
from core.design.problems import Problem, Site
from core.design.routing.select.base import SELECT, Select

Span = Literal["token", "example", "batch"]


@SELECT.register
class SampleOne(Select):
    """THOR draws one expert a layer for the whole batch in training, and one an example or token after."""

    trainable = False
    token_choice = False
    kind: Literal["sample_one"]
    train: Span = field("batch")
    eval: Span = field("token")

    def fewest(self, experts: int) -> int:
        return 1

    def most(self, experts: int) -> int:
        return 1

    def rules(self, site: Site) -> Iterator[Problem]:
        moe = site.moe
        if moe is not None and moe.router.capacity is not None:
            router = site.up()
            yield router.error(
                "sample-capacity",
                "One random expert for a whole batch cannot have a capacity limit.",
                "To fix this, remove the capacity.",
                edits=(router.remove("capacity", label="Remove the capacity"),),
                at="capacity",
            )
