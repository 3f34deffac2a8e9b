"""Logits over a temperature, fixed, scheduled or learned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import field
from core.design.problems import Problem, Site
from core.design.routing.modifier.base import MODIFIER, Modifier
from core.design.schedule import Positive


@MODIFIER.register
class Temperature(Modifier):
    """Divides the logits by `value`."""

    kind: Literal["temperature"]
    value: Positive = field(1.0, symbol=r"\tau")
    learnable: bool = field(False, advanced=True)

    def rules(self, site: Site) -> Iterator[Problem]:
        if not self.learnable:
            return
        if site.moe is not None and site.moe.router.score.kind == "linear":
            yield site.warning(
                "temperature-free",
                "A learned temperature beside a linear score is not identifiable: both scale the logits.",
                edits=(site.set("learnable", False, label="Fix the temperature"),),
            )
        yield site.not_built(
            "A learned temperature",
            "fix or schedule it",
            site.set("learnable", False, label="Fix the temperature"),
            at="learnable",
        )
