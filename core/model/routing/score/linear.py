"""Linear score."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.design.routing.score.linear import LinearScore
from core.model.routing.context import RouteContext
from core.model.routing.score.base import SCORES


@SCORES.register(LinearScore)
class Linear(nn.Module):
    """logits = x W^T (+ b), in float32 whatever the weights are kept in."""

    def __init__(self, spec: LinearScore, width: int, experts: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(experts, width))
        self.bias = nn.Parameter(torch.zeros(experts)) if spec.bias else None

    def forward(self, x_TD: Tensor, context: RouteContext) -> Tensor:
        return F.linear(x_TD, self.weight.float(), None if self.bias is None else self.bias.float())
