"""A dense FFN: one expert that every token visits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from core.design.base import Weight
from core.design.bodies.base import BODY, Body
from core.design.experts.base import EXPERT, Expert
from core.design.problems import Problem, Site


@BODY.register
class Dense(Body):
    """`expert.count` above one would be experts without a router, so it is refused."""

    kind: Literal["dense"]
    expert: Annotated[Expert, EXPERT]

    def weights(self, width: int, tasks: int) -> Iterator[Weight]:
        yield from self.expert.weights(width, "dense")

    def rules(self, site: Site) -> Iterator[Problem]:
        if self.expert.count != 1:
            here = site.at("expert")
            yield here.error(
                "dense-one",
                f"A dense FFN is one expert; {self.expert.count} need a router to choose among them.",
                "To fix this, keep one, or make this an MoE layer.",
                edits=(here.set("count", 1, label="Keep one"),),
                at="count",
            )
