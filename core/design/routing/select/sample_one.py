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

    token_choice = False
    ranks = False
    kind: Literal["sample_one"]
    train: Span = field("batch")
    eval: Span = field("token")

    @property
    def drawn(self) -> bool:
        return True

    @property
    def trained_by(self) -> str | None:
        return "two_pass_consistency" if self.train == "batch" else None

    def fewest(self, experts: int) -> int:
        return 1

    def most(self, experts: int) -> int:
        return 1

    def span(self, training: bool) -> str | None:
        return self.train if training else self.eval

    def rules(self, site: Site) -> Iterator[Problem]:
        moe = site.moe
        if moe is None:
            return
        router = site.up()
        if moe.router.condition is not None and moe.router.score.conditioned:
            yield router.error(
                "sample-condition",
                "One random expert cannot depend on the task.",
                "To fix this, remove the condition.",
                edits=(router.remove("condition", label="Remove the condition"),),
                at="condition",
            )
        yield router.error(
            "sample-export",
            "An exported model answers the same every time, and a random expert does not.",
            "To fix this, let all experts answer and take the mean.",
            edits=(
                router.merge({"select": {"kind": "all"}, "weigh": {"kind": "mean"}}, label="Take the mean"),
            ),
            at="select",
            stage="export:onnx",
        )
        if moe.router.capacity is not None:
            yield router.error(
                "sample-capacity",
                "One random expert for a whole batch cannot have a capacity limit.",
                "To fix this, remove the capacity.",
                edits=(router.remove("capacity", label="Remove the capacity"),),
                at="capacity",
            )
