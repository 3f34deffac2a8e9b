"""Two linear routers, one over islands and one inside each (hierarchical SAM, arXiv 2110.07431)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.design.routing.score.hierarchical_linear import HierarchicalLinearScore
from core.model.routing.context import RouteContext
from core.model.routing.score.base import SCORES, Score
from core.model.routing.shape import RoutedShape


@SCORES.register(HierarchicalLinearScore)
class HierarchicalLinear(Score):
    """logits = log softmax(x W_g^T) of the expert's island + log softmax of x W_e^T inside it, in float32.

    Their softmax is P_g P_(e|g), for these already sum to one. The paper's hierarchical variant as
    recollected, with low confidence.
    """

    def __init__(self, spec: HierarchicalLinearScore, shape: RoutedShape) -> None:
        super().__init__()
        self.islands = shape.islands
        self.weight = nn.Parameter(torch.zeros(shape.experts, shape.width))
        self.island_weight = nn.Parameter(torch.zeros(shape.islands, shape.width))

    def forward(self, x_GD: Tensor, context: RouteContext) -> Tensor:
        # I islands of M experts each.
        island_GI = F.log_softmax(F.linear(x_GD, self.island_weight.float()), 1)
        inside_GIM = F.linear(x_GD, self.weight.float()).unflatten(1, (self.islands, -1))
        inside_GIM = F.log_softmax(inside_GIM, 2)
        return (island_GI[:, :, None] + inside_GIM).flatten(1)
