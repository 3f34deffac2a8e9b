"""Linear score."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.design.routing.score.linear import LinearScore
from core.model.routing.context import RouteContext
from core.model.routing.score.base import SCORES, Score
from core.model.routing.shape import RoutedShape


@SCORES.register(LinearScore)
class Linear(Score):
    """logits = x W^T (+ b), in float32 whatever the weights are kept in."""

    def __init__(self, spec: LinearScore, shape: RoutedShape) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(shape.experts, shape.width))
        self.bias = nn.Parameter(torch.zeros(shape.experts)) if spec.bias else None

    def forward(self, x_GD: Tensor, context: RouteContext) -> Tensor:
        return F.linear(x_GD, self.weight.float())

    def prior(self) -> Tensor | None:
        return None if self.bias is None else self.bias.float()
