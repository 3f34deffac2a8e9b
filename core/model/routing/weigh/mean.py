"""One over the number of selected experts (SkillNet, arXiv 2203.03312)."""

from __future__ import annotations

from torch import Tensor

from core.design.routing.weigh.mean import Mean as MeanSpec
from core.model.routing.shape import RoutedShape
from core.model.routing.weigh.base import WEIGHERS, Picked, Weigher


@WEIGHERS.register(MeanSpec)
class Mean(Weigher):
    """Route scale over the number of selected."""

    def __init__(self, spec: MeanSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.scale = spec.scale

    def forward(self, picked: Picked, training: bool) -> Tensor:
        chosen_TK = (picked.selected_TK >= 0).to(picked.scores_TE.dtype)
        return chosen_TK / chosen_TK.sum(1, keepdim=True).clamp_min(1) * self.scale
