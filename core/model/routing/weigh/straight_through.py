"""One-hot forward, soft backward (task-level MoE, arXiv 2205.12701)."""

from __future__ import annotations

import torch
from torch import Tensor

from core.design.routing.weigh.straight_through import StraightThrough as StraightThroughSpec
from core.model.routing.shape import RoutedShape
from core.model.routing.weigh.base import WEIGHERS, Picked, Weigher
from core.model.topk import top_k


@WEIGHERS.register(StraightThroughSpec)
class StraightThrough(Weigher):
    """The best of the selected counts the route scale and all others nothing; gradients are the scores'.

    In training all selected are computed, because the gradient of a score is what its expert would have
    answered. Otherwise only the best is.
    """

    def __init__(self, spec: StraightThroughSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.scale = spec.scale

    def narrowed(self, picked: Picked, training: bool) -> Tensor:
        return picked.selected_TK if training else picked.selected_TK.gather(1, _best(picked))

    def forward(self, picked: Picked, training: bool) -> Tensor:
        score_TK = picked.score_TK
        hot_TK = torch.zeros_like(score_TK).scatter(1, _best(picked), 1.0)
        # Exact: a number minus itself is 0.
        return (hot_TK + (score_TK - score_TK.detach())) * self.scale


def _best(picked: Picked) -> Tensor:
    """Where each token's best selected expert stands [T, 1]; of equal ones the first."""
    score_TK = picked.score_TK.detach().masked_fill(picked.selected_TK < 0, -torch.inf)
    return top_k(score_TK, 1)[1]
