"""Scores of the selected, made to sum to one (Mixtral, arXiv 2401.04088)."""

from __future__ import annotations

from torch import Tensor

from core.design.routing.weigh.renormalised import Renormalised as RenormalisedSpec
from core.model.routing.shape import RoutedShape
from core.model.routing.weigh.base import WEIGHERS, Picked, Weigher


@WEIGHERS.register(RenormalisedSpec)
class Renormalised(Weigher):
    """Score over the sum of the selected ones, times the route scale."""

    def __init__(self, spec: RenormalisedSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.scale = spec.scale

    def forward(self, picked: Picked, training: bool) -> Tensor:
        # Sigmoid scores may all underflow; their sum then stands at a floor instead of giving 0 / 0.
        return picked.score_TK / picked.score_TK.sum(1, keepdim=True).clamp_min(1e-20) * self.scale
