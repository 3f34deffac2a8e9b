"""Weighted sum of expert outputs; Llama-4 weighs the input instead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import field
from core.design.problems import Problem, Site
from core.design.routing.combine.base import COMBINE, Combine


@COMBINE.register
class OutputMix(Combine):
    """`y = sum_e w_e f_e(x)`, or `sum_e f_e(w_e x)` with `weigh_on` input."""

    kind: Literal["output_mix"]
    weigh_on: Literal["output", "input"] = field("output", advanced=True)

    def rules(self, site: Site) -> Iterator[Problem]:
        if self.weigh_on == "input":
            yield site.not_built(
                "Weighing an expert's input",
                "weigh its output",
                site.set("weigh_on", "output", label="Weigh the output"),
                at="weigh_on",
            )
