"""Input jitter (Switch, arXiv 2101.03961)."""

from __future__ import annotations

import torch
from torch import Tensor

from core.design.routing.modifier.jitter import Jitter as JitterSpec
from core.model.routing.context import RouteContext
from core.model.routing.modifier.base import MODIFIERS, Modifier


@MODIFIERS.register(JitterSpec)
class Jitter(Modifier):
    """Input times U[1 - epsilon, 1 + epsilon], in training."""

    def __init__(self, spec: JitterSpec) -> None:
        super().__init__()
        self.epsilon = spec.epsilon

    def on_input(self, x_TD: Tensor, context: RouteContext) -> Tensor:
        if not context.training:
            return x_TD
        low, high = 1 - self.epsilon, 1 + self.epsilon
        return x_TD * torch.empty_like(x_TD).uniform_(low, high, generator=context.random)
