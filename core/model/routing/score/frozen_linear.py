"""A random linear score that is never trained (SMoE-Dropout, arXiv 2303.01610)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.design.routing.score.frozen_linear import FrozenLinearScore
from core.model.routing.context import RouteContext
from core.model.routing.score.base import SCORES, Score
from core.model.routing.shape import RoutedShape


@SCORES.register(FrozenLinearScore)
class FrozenLinear(Score):
    """logits = x W^T with W as drawn: no gradient, so neither optimizer nor weight decay ever sees it."""

    def __init__(self, spec: FrozenLinearScore, shape: RoutedShape) -> None:
        super().__init__()
        self.frozen_ED = nn.Parameter(torch.zeros(shape.experts, shape.width), requires_grad=False)

    def forward(self, x_GD: Tensor, context: RouteContext) -> Tensor:
        return F.linear(x_GD, self.frozen_ED.float())
