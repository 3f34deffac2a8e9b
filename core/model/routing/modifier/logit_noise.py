"""Gaussian noise on the logits (V-MoE, arXiv 2106.05974)."""

from __future__ import annotations

from core.design.routing.modifier.logit_noise import LogitNoise as LogitNoiseSpec
from core.model.routing.context import RouteContext
from core.model.routing.modifier.base import MODIFIERS, Modifier
from core.model.routing.shape import RoutedShape


@MODIFIERS.register(LogitNoiseSpec)
class LogitNoise(Modifier):
    """N(0, (sigma / E)^2), in training."""

    def __init__(self, spec: LogitNoiseSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.sigma = spec.sigma

    def deviation(self, experts: int, context: RouteContext) -> float:
        return self.sigma / experts if context.training else 0.0
