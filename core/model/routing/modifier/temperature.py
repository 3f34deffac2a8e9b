"""Temperature, fixed, scheduled over training or learned."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core.design.routing.modifier.temperature import Temperature as TemperatureSpec
from core.design.schedule import value_at
from core.model.routing.context import RouteContext
from core.model.routing.modifier.base import MODIFIERS, Modifier
from core.model.routing.shape import RoutedShape


@MODIFIERS.register(TemperatureSpec)
class Temperature(Modifier):
    """Logits over the temperature of the moment; a learned one is that times exp(a free number).

    The logarithm keeps what is learned above zero. The score's bias joins after it, undivided.
    """

    turn = 2

    def __init__(self, spec: TemperatureSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.value = spec.value
        self.log_factor = nn.Parameter(torch.zeros(1)) if spec.learnable else None

    def on_logits(self, logits_GE: Tensor, context: RouteContext) -> Tensor:
        cooled_GE = logits_GE / value_at(self.value, context.passing.progress)
        if self.log_factor is None:
            return cooled_GE
        # Closed experts stand at -inf, through which the gradient of the factor would not be a number.
        closed_GE = cooled_GE == -torch.inf
        learned_GE = cooled_GE.masked_fill(closed_GE, 0.0) / self.log_factor.float().exp()
        return learned_GE.masked_fill(closed_GE, -torch.inf)
