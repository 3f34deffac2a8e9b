"""The experts' output mixed with the token itself (MoEC, arXiv 2207.09094)."""

from __future__ import annotations

import torch
from torch import Tensor

from core.design.routing.weigh.identity_mix import IdentityMix as IdentityMixSpec
from core.model.routing.shape import RoutedShape
from core.model.routing.weigh.base import WEIGHERS, Picked, Weigher


@WEIGHERS.register(IdentityMixSpec)
class IdentityMix(Weigher):
    """alpha times the selected, shared out by their scores; 1 - alpha is the token's own.

    alpha is the sigmoid of the best selected logit, or fixed. The route scale acts on experts only. A token
    that selects nothing gets nothing, not even itself: the residual carries it.
    """

    def __init__(self, spec: IdentityMixSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.scale, self.alpha = spec.scale, spec.alpha

    def forward(self, picked: Picked, training: bool) -> Tensor:
        share_TK = picked.score_TK / picked.score_TK.sum(1, keepdim=True).clamp_min(1e-20)
        return self._alpha(picked)[:, None] * share_TK * self.scale

    def identity(self, picked: Picked) -> Tensor:
        return (1 - self._alpha(picked)).masked_fill((picked.selected_TK < 0).all(1), 0.0)

    def _alpha(self, picked: Picked) -> Tensor:
        if self.alpha is not None:
            return torch.full_like(picked.logits_TE[:, 0], self.alpha)
        # What was not selected counts as -inf, which a sigmoid takes to 0.
        logit_TK = picked.logit_TK.masked_fill(picked.selected_TK < 0, -torch.inf)
        return torch.sigmoid(logit_TK.amax(1))
