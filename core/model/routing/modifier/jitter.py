"""Input jitter (Switch, arXiv 2101.03961)."""

from __future__ import annotations

import torch
from torch import Tensor

from core.design.routing.modifier.jitter import Jitter as JitterSpec
from core.model.routing.context import RouteContext
from core.model.routing.modifier.base import MODIFIERS, Modifier
from core.model.routing.shape import RoutedShape


@MODIFIERS.register(JitterSpec)
class Jitter(Modifier):
    """Input times U[1 - epsilon, 1 + epsilon], in training."""

    def __init__(self, spec: JitterSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.epsilon = spec.epsilon

    def on_input(self, x_GD: Tensor, context: RouteContext) -> Tensor:
        if not context.training:
            return x_GD
        low, high = 1 - self.epsilon, 1 + self.epsilon
        return x_GD * torch.empty_like(x_GD).uniform_(low, high, generator=context.random)
