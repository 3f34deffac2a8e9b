"""Weighted sum of expert outputs; Llama-4 weighs the input instead."""

from __future__ import annotations

from typing import Literal

from core.design.base import field
from core.design.routing.combine.base import COMBINE, Combine


@COMBINE.register
class OutputMix(Combine):
    """`y = sum_e w_e f_e(x)`, or `sum_e f_e(w_e x)` with `weigh_on` input."""

    kind: Literal["output_mix"]
    weigh_on: Literal["output", "input"] = field("output", advanced=True)
