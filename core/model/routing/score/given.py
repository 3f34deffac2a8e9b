"""No score of its own: the condition says it all."""

from __future__ import annotations

from torch import Tensor

from core.design.routing.score.given import GivenScore
from core.model.routing.context import RouteContext
from core.model.routing.score.base import SCORES, Score
from core.model.routing.shape import RoutedShape


@SCORES.register(GivenScore)
class Given(Score):
    """Logits of zero, for the condition to write or add to."""

    def __init__(self, spec: GivenScore, shape: RoutedShape) -> None:
        super().__init__()
        self.experts = shape.experts

    def forward(self, x_GD: Tensor, context: RouteContext) -> Tensor:
        return x_GD.new_zeros(x_GD.shape[0], self.experts)
