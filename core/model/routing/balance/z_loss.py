"""Router z-loss (ST-MoE, arXiv 2202.08906)."""

from __future__ import annotations

from torch import Tensor

from core.design.routing.balance.z_loss import ZLoss as ZLossSpec
from core.model.routing.balance.base import BALANCERS, Balancer
from core.model.routing.context import RouteContext
from core.model.routing.decision import Hard
from core.model.routing.shape import RoutedShape


@BALANCERS.register(ZLossSpec)
class ZLoss(Balancer):
    """Mean over tokens of the squared log-sum-exp of the raw logits."""

    def __init__(self, spec: ZLossSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.coefficient = spec.coefficient

    def loss(self, decision: Hard, context: RouteContext) -> Tensor:
        return self.coefficient * (context.share_T @ decision.logits_TE.logsumexp(1).square())
