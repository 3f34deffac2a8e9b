"""Cosine times a learned scale."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.design.routing.score.unit_linear import UnitLinearScore
from core.model.routing.context import RouteContext
from core.model.routing.score.base import SCORES, Score
from core.model.routing.shape import RoutedShape


@SCORES.register(UnitLinearScore)
class UnitLinear(Score):
    """logits = s cos(x, W_e), in float32; 0 for a token of zeros."""

    def __init__(self, spec: UnitLinearScore, shape: RoutedShape) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(shape.experts, shape.width))
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x_GD: Tensor, context: RouteContext) -> Tensor:
        rows_ED = self.scale.float() * F.normalize(self.weight.float(), dim=1)
        return F.linear(F.normalize(x_GD, dim=1), rows_ED)
