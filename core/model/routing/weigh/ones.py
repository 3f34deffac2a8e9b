"""Every accepted expert counts once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core.design.routing.weigh.ones import Ones as OnesSpec
from core.model.routing.weigh.base import WEIGHERS


@WEIGHERS.register(OnesSpec)
class Ones(nn.Module):
    """The route scale for all."""

    def __init__(self, spec: OnesSpec) -> None:
        super().__init__()
        self.scale = spec.scale

    def forward(self, score_TK: Tensor) -> Tensor:
        return torch.full_like(score_TK, self.scale)
