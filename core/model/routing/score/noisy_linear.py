"""Noisy top-k's score (arXiv 1701.06538)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.design.routing.score.noisy_linear import NoisyLinearScore
from core.model.routing.context import RouteContext
from core.model.routing.score.base import SCORES, Score
from core.model.routing.shape import RoutedShape

#: Below this a learned deviation would make the expected load divide by almost nothing.
FLOOR = 1e-2


@SCORES.register(NoisyLinearScore)
class NoisyLinear(Score):
    """logits = x W_g^T, and in training noise of deviation softplus(x W_n^T) + FLOOR [G, E]."""

    def __init__(self, spec: NoisyLinearScore, shape: RoutedShape) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(shape.experts, shape.width))
        self.noise = nn.Parameter(torch.zeros(shape.experts, shape.width))

    def forward(self, x_GD: Tensor, context: RouteContext) -> Tensor:
        return F.linear(x_GD, self.weight.float())

    def deviation(self, x_GD: Tensor, context: RouteContext) -> Tensor | float:
        return F.softplus(F.linear(x_GD, self.noise.float())) + FLOOR if context.training else 0.0
