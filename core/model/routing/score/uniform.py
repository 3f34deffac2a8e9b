"""No score at all (THOR, arXiv 2110.04260)."""

from __future__ import annotations

from torch import Tensor

from core.design.routing.score.uniform import UniformScore
from core.model.routing.context import RouteContext
from core.model.routing.score.base import SCORES, Score
from core.model.routing.shape import RoutedShape


@SCORES.register(UniformScore)
class Uniform(Score):
    """Logits of zero: every expert is as likely as the next."""

    def __init__(self, spec: UniformScore, shape: RoutedShape) -> None:
        super().__init__()
        self.experts = shape.experts

    def forward(self, x_GD: Tensor, context: RouteContext) -> Tensor:
        return x_GD.new_zeros(x_GD.shape[0], self.experts)
