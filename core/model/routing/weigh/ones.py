"""Every accepted expert counts once."""

from __future__ import annotations

import torch
from torch import Tensor

from core.design.routing.weigh.ones import Ones as OnesSpec
from core.model.routing.shape import RoutedShape
from core.model.routing.weigh.base import WEIGHERS, Picked, Weigher


@WEIGHERS.register(OnesSpec)
class Ones(Weigher):
    """The route scale for all."""

    def __init__(self, spec: OnesSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.scale = spec.scale

    def forward(self, picked: Picked, training: bool) -> Tensor:
        return torch.full_like(picked.score_TK, self.scale)
