"""Linear score behind an activation (arXiv 2405.13997)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.design.routing.score.activation_linear import ActivationLinearScore
from core.model.routing.context import RouteContext
from core.model.routing.score.base import SCORES, Score
from core.model.routing.shape import RoutedShape

#: Those that are not homogeneous; the design refuses all others.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "gelu": F.gelu,
}


@SCORES.register(ActivationLinearScore)
class ActivationLinear(Score):
    """logits = phi(x W^T) (+ b): a temperature divides phi and leaves b as it is."""

    def __init__(self, spec: ActivationLinearScore, shape: RoutedShape) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(shape.experts, shape.width))
        self.bias = nn.Parameter(torch.zeros(shape.experts)) if spec.bias else None
        self.activation = ACTIVATIONS[spec.activation]

    def forward(self, x_GD: Tensor, context: RouteContext) -> Tensor:
        return self.activation(F.linear(x_GD, self.weight.float()))

    def prior(self) -> Tensor | None:
        return None if self.bias is None else self.bias.float()
