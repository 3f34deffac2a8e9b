"""Prefers narrow experts (HMoE, arXiv 2408.10681)."""

from __future__ import annotations

import torch
from torch import Tensor

from core.design.routing.balance.param_penalty import ParamPenalty as ParamPenaltySpec
from core.model.routing.balance.base import BALANCERS, Balancer
from core.model.routing.context import RouteContext
from core.model.routing.decision import Hard
from core.model.routing.shape import RoutedShape


@BALANCERS.register(ParamPenaltySpec)
class ParamPenalty(Balancer):
    """E * sum_e m_e P_e: m_e, selections a token times width over mean width; P, mean scores.

    With equal widths it is the load-balance loss times the experts a token gets. The paper prints raw
    widths, which would make the coefficient depend on the size of the model.
    """

    width_E: Tensor

    def __init__(self, spec: ParamPenaltySpec, shape: RoutedShape) -> None:
        super().__init__()
        self.coefficient = spec.coefficient
        mean = sum(shape.hidden_E) / shape.experts
        # Experts without any width are equally wide.
        width_E = torch.tensor([width / mean if mean else 1.0 for width in shape.hidden_E])
        # Follows from the design, so no checkpoint keeps it.
        self.register_buffer("width_E", width_E, persistent=False)

    def loss(self, decision: Hard, context: RouteContext) -> Tensor:
        counts_E = decision.selected_E.float() / max(1, context.tokens)
        mean_E = context.share_T @ decision.probability_TE
        return self.coefficient * decision.experts * (self.width_E * counts_E * mean_E).sum()
