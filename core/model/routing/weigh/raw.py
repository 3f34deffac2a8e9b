"""The score itself (Switch, arXiv 2101.03961)."""

from __future__ import annotations

from torch import Tensor, nn

from core.design.routing.weigh.raw import Raw as RawSpec
from core.model.routing.weigh.base import WEIGHERS


@WEIGHERS.register(RawSpec)
class Raw(nn.Module):
    """Score times the route scale."""

    def __init__(self, spec: RawSpec) -> None:
        super().__init__()
        self.scale = spec.scale

    def forward(self, score_TK: Tensor) -> Tensor:
        return score_TK * self.scale
