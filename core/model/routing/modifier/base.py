"""Modifiers: hooks on the router's input and on its logits. Noise always comes before temperature."""

from __future__ import annotations

from torch import Tensor, nn

from core.design.routing.modifier.base import MODIFIER
from core.model.registry import Registry
from core.model.routing.context import RouteContext


class Modifier(nn.Module):
    """Overrides what it changes; everything else stays as it is."""

    def on_input(self, x_TD: Tensor, context: RouteContext) -> Tensor:
        """What the score reads."""
        return x_TD

    def deviation(self, experts: int, context: RouteContext) -> float:
        """Standard deviation of Gaussian noise to add to the logits; 0 for none."""
        return 0.0

    def on_logits(self, logits_TE: Tensor, context: RouteContext) -> Tensor:
        """What the score function reads, after noise."""
        return logits_TE


MODIFIERS: Registry[Modifier] = Registry(MODIFIER)
