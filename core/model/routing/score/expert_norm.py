"""Experts that score themselves by how strongly they respond (AoE, arXiv 2501.13074)."""

from __future__ import annotations

from torch import Tensor

from core.design.routing.score.expert_norm import ExpertNormScore
from core.model.routing.context import RouteContext
from core.model.routing.score.base import SCORES, Score
from core.model.routing.shape import RoutedShape

#: Inside the root, so that a norm of zero has a finite slope.
TINY = 1e-12


@SCORES.register(ExpertNormScore)
class ExpertNorm(Score):
    """logits = ||A_e x||, of every expert, in float32. No parameters of its own.

    A factor moved from B_e to A_e leaves what the expert computes and multiplies its score: weight decay and
    the start of training route here.
    """

    def __init__(self, spec: ExpertNormScore, shape: RoutedShape) -> None:
        super().__init__()

    def forward(self, x_GD: Tensor, context: RouteContext) -> Tensor:
        # The rules of the design leave nothing that could make x_GD differ from what the experts read.
        return (context.preactivation_TER.float().square().sum(2) + TINY).sqrt()
