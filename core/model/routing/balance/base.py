"""Balancers see the selection before capacity and leave padding out."""

from __future__ import annotations

from torch import Tensor, nn

from core.design.routing.balance.base import BALANCE
from core.model.registry import Registry
from core.model.routing.context import RouteContext
from core.model.routing.decision import Hard


class Balancer(nn.Module):
    """A loss, a selection bias, or both."""

    def loss(self, decision: Hard, context: RouteContext) -> Tensor | None:
        """A scalar, its coefficient included; None for balancers without a loss."""
        return None

    def selection_bias(self) -> Tensor | None:
        """What selection, and only selection, adds to the scores [E]."""
        return None

    def after_step(self, selected_E: Tensor) -> None:
        """Learn from the selections of an optimizer step."""


#: A builder takes (spec, shape).
BALANCERS: Registry[Balancer] = Registry(BALANCE)
