"""The score itself (Switch, arXiv 2101.03961)."""

from __future__ import annotations

from torch import Tensor

from core.design.routing.weigh.raw import Raw as RawSpec
from core.model.routing.shape import RoutedShape
from core.model.routing.weigh.base import WEIGHERS, Picked, Weigher


@WEIGHERS.register(RawSpec)
class Raw(Weigher):
    """Score times the route scale."""

    def __init__(self, spec: RawSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.scale = spec.scale

    def forward(self, picked: Picked, training: bool) -> Tensor:
        return picked.score_TK * self.scale
