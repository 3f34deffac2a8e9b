"""Multiplicative noise on the router's input (Switch, arXiv 2101.03961)."""

from __future__ import annotations

from typing import Literal

from core.design.base import field
from core.design.routing.modifier.base import MODIFIER, Modifier


@MODIFIER.register
class Jitter(Modifier):
    """Input times U[1 - epsilon, 1 + epsilon]; training only."""

    on_input = True
    kind: Literal["jitter"]
    epsilon: float = field(0.01, gt=0, lt=1, symbol=r"\epsilon")

    @property
    def drawn(self) -> bool:
        return True
