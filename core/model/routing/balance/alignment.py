"""Pulls a token's best experts into the island it chose (SAM, arXiv 2110.07431)."""

from __future__ import annotations

import torch
from torch import Tensor

from core.design.routing.balance.alignment import Alignment as AlignmentSpec
from core.model.routing.balance.base import BALANCERS, Balancer
from core.model.routing.context import RouteContext
from core.model.routing.decision import Hard, spread
from core.model.routing.shape import RoutedShape


@BALANCERS.register(AlignmentSpec)
class Alignment(Balancer):
    """Mean over tokens of sum_e max(0, P_e - P of the weakest chosen), e outside the chosen islands."""

    def __init__(self, spec: AlignmentSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.coefficient, self.islands = spec.coefficient, shape.islands

    def loss(self, decision: Hard, context: RouteContext) -> Tensor:
        chosen_TK, score_TE = decision.chosen_TK, decision.probability_TE
        chosen_TE = spread(chosen_TK, torch.ones_like(chosen_TK, dtype=torch.float32), decision.experts) > 0
        inside_TI = chosen_TE.unflatten(1, (self.islands, -1)).any(2)
        outside_TE = ~inside_TI.repeat_interleave(decision.experts // self.islands, 1)
        # Padding has chosen nothing: its weakest is infinite, so nothing exceeds it.
        weakest_T1 = score_TE.masked_fill(~chosen_TE, torch.inf).amin(1, keepdim=True)
        excess_TE = (score_TE - weakest_T1).clamp_min(0) * outside_TE
        mean: Tensor = context.share_T @ excess_TE.sum(1)
        return self.coefficient * mean
