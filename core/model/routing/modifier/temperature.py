"""Temperature, fixed or scheduled over training."""

from __future__ import annotations

from torch import Tensor

from core.design.routing.modifier.temperature import Temperature as TemperatureSpec
from core.design.schedule import value_at
from core.model.routing.context import RouteContext
from core.model.routing.modifier.base import MODIFIERS, Modifier
from core.model.routing.shape import RoutedShape


@MODIFIERS.register(TemperatureSpec)
class Temperature(Modifier):
    """Logits over the temperature of the moment."""

    turn = 2

    def __init__(self, spec: TemperatureSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.value = spec.value

    def on_logits(self, logits_GE: Tensor, context: RouteContext) -> Tensor:
        return logits_GE / value_at(self.value, context.passing.progress)
