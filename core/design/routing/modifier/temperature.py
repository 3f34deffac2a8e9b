"""Logits over a temperature, fixed, scheduled or learned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight, field
from core.design.problems import Problem, Site
from core.design.routing.modifier.base import MODIFIER, Modifier
from core.design.schedule import Positive


@MODIFIER.register
class Temperature(Modifier):
    """Divides the logits, but not a bias of the score, by `value`, times a learned factor if `learnable`."""

    kind: Literal["temperature"]
    value: Positive = field(1.0, symbol=r"\tau")
    learnable: bool = field(False, advanced=True)

    def weights(self) -> Iterator[Weight]:
        if self.learnable:
            yield Weight(name="router.log_temperature", shape=(1,), role="router", gemm=False)

    def rules(self, site: Site) -> Iterator[Problem]:
        yield from super().rules(site)
        if self.learnable and site.moe is not None and site.moe.router.score.scales:
            yield site.warning(
                "temperature-free",
                "A learned temperature beside a linear score is not identifiable: both scale the logits.",
                edits=(site.set("learnable", False, label="Fix the temperature"),),
            )
