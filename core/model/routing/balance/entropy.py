"""Router entropy as a loss (dynamic routing, arXiv 2403.07652)."""

from __future__ import annotations

from torch import Tensor

from core.design.routing.balance.entropy import Entropy as EntropySpec
from core.model.routing.balance.base import BALANCERS, Balancer
from core.model.routing.context import RouteContext
from core.model.routing.decision import Hard
from core.model.routing.shape import RoutedShape


@BALANCERS.register(EntropySpec)
class Entropy(Balancer):
    """Mean over tokens of -sum_e P log P, each token's own and not that of the mean.

    HMoE (arXiv 2408.10681) prints the opposite sign, which would spread a token over more experts, where its
    text wants fewer.
    """

    def __init__(self, spec: EntropySpec, shape: RoutedShape) -> None:
        super().__init__()
        self.coefficient = spec.coefficient

    def loss(self, decision: Hard, context: RouteContext) -> Tensor:
        # A floor, for at zero the slope is infinite.
        p_TE = decision.probability_TE.clamp_min(1e-20)
        return self.coefficient * (context.share_T @ -(p_TE * p_TE.log()).sum(1))
