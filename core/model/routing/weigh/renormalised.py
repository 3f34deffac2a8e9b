"""Scores of the selected, made to sum to one (Mixtral, arXiv 2401.04088)."""

from __future__ import annotations

from torch import Tensor, nn

from core.design.routing.weigh.renormalised import Renormalised as RenormalisedSpec
from core.model.routing.weigh.base import WEIGHERS


@WEIGHERS.register(RenormalisedSpec)
class Renormalised(nn.Module):
    """Score over the sum of the selected ones, times the route scale."""

    def __init__(self, spec: RenormalisedSpec) -> None:
        super().__init__()
        self.scale = spec.scale

    def forward(self, score_TK: Tensor) -> Tensor:
        # Sigmoid scores may all underflow; their sum then stands at a floor instead of giving 0 / 0.
        return score_TK / score_TK.sum(1, keepdim=True).clamp_min(1e-20) * self.scale
