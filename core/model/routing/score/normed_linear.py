"""Linear score between normalised inputs and rows."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.design.routing.score.normed_linear import NormedLinearScore
from core.model.routing.context import RouteContext
from core.model.routing.score.base import SCORES, Score
from core.model.routing.shape import RoutedShape

#: What the gain of the rows starts at: small logits, so nearly even weights (arXiv 2306.03745).
GAIN = 0.01


@SCORES.register(NormedLinearScore)
class NormedLinear(Score):
    """logits = norm(x) norm(W)^T + b, with layer norms and in float32."""

    def __init__(self, spec: NormedLinearScore, shape: RoutedShape) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(shape.experts, shape.width))
        self.input_gain = nn.Parameter(torch.ones(shape.width))
        self.row_gain = nn.Parameter(torch.full((shape.width,), GAIN))
        self.bias = nn.Parameter(torch.zeros(shape.experts))

    def forward(self, x_GD: Tensor, context: RouteContext) -> Tensor:
        width = self.input_gain.shape
        rows_ED = F.layer_norm(self.weight.float(), width, self.row_gain.float())
        return F.linear(F.layer_norm(x_GD, width, self.input_gain.float()), rows_ED)

    def prior(self) -> Tensor:
        return self.bias.float()
