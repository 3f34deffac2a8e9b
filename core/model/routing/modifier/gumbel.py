"""Gumbel noise on the logits (dense-to-sparse gating, arXiv 2112.14397)."""

from __future__ import annotations

import torch
from torch import Tensor

from core.design.routing.modifier.gumbel import Gumbel as GumbelSpec
from core.model.routing.context import RouteContext
from core.model.routing.modifier.base import MODIFIERS, Modifier
from core.model.routing.shape import RoutedShape


@MODIFIERS.register(GumbelSpec)
class Gumbel(Modifier):
    """Standard Gumbel noise, in training: the best of the noisy logits is a draw from their softmax."""

    def __init__(self, spec: GumbelSpec, shape: RoutedShape) -> None:
        super().__init__()

    def on_logits(self, logits_GE: Tensor, context: RouteContext) -> Tensor:
        if not context.training:
            return logits_GE
        waiting_GE = torch.empty_like(logits_GE).exponential_(generator=context.random)
        return logits_GE - waiting_GE.clamp_min(1e-30).log()
