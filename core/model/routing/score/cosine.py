"""Cosine score in a low dimension (X-MoE, arXiv 2204.09179)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.design.routing.score.cosine import CosineScore
from core.model.routing.context import RouteContext
from core.model.routing.score.base import SCORES, Score
from core.model.routing.shape import RoutedShape


@SCORES.register(CosineScore)
class Cosine(Score):
    """logits = cos(P x, centroid_e) / temperature; a token that projects to 0 has the cosine 0."""

    def __init__(self, spec: CosineScore, shape: RoutedShape) -> None:
        super().__init__()
        self.temperature = spec.temperature
        self.project = nn.Parameter(torch.zeros(spec.dim, shape.width))
        # By another name than a linear score's weight, which starts small: a centroid's length cancels.
        self.centroids = nn.Parameter(torch.zeros(shape.experts, spec.dim))

    def forward(self, x_GD: Tensor, context: RouteContext) -> Tensor:
        reduced_GR = F.normalize(F.linear(x_GD, self.project.float()), dim=1)
        return F.linear(reduced_GR, F.normalize(self.centroids.float(), dim=1)) / self.temperature
