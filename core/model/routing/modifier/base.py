"""Modifiers: hooks on the router's input and on its logits, in the order mask, noise, temperature."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from core.design.routing.modifier.base import MODIFIER
from core.model.registry import Registry
from core.model.routing.context import RouteContext


class Modifier(nn.Module):
    """Overrides what it changes; everything else stays as it is."""

    #: When it acts on logits, whatever the order in the design: 0 masks, 1 adds noise, 2 scales.
    turn: ClassVar[int] = 1

    def on_input(self, x_GD: Tensor, context: RouteContext) -> Tensor:
        """What the score reads."""
        return x_GD

    def deviation(self, experts: int, context: RouteContext) -> float:
        """Standard deviation of Gaussian noise to add to the logits; 0 for none."""
        return 0.0

    def on_logits(self, logits_GE: Tensor, context: RouteContext) -> Tensor:
        """What the score function reads, after noise."""
        return logits_GE


#: A builder takes (spec, shape).
MODIFIERS: Registry[Modifier] = Registry(MODIFIER)
