"""Makes mean scores agree inside an island and differ between islands (MoEC, arXiv 2207.09094)."""

from __future__ import annotations

from torch import Tensor

from core.design.routing.balance.cluster_variance import ClusterVariance as ClusterVarianceSpec
from core.model.routing.balance.base import BALANCERS, Balancer
from core.model.routing.context import RouteContext
from core.model.routing.decision import Hard
from core.model.routing.shape import RoutedShape


@BALANCERS.register(ClusterVarianceSpec)
class ClusterVariance(Balancer):
    """Mean over islands of the variance inside of E times the batch's mean scores, over exp(gap * d).

    d: how far the mean of the best island is above that of the next. The released code takes sums over the
    batch instead, so its loss grows with the square of the batch.
    """

    def __init__(self, spec: ClusterVarianceSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.coefficient, self.gap, self.islands = spec.coefficient, spec.gap, shape.islands

    def loss(self, decision: Hard, context: RouteContext) -> Tensor:
        mean_IM = (decision.experts * (context.share_T @ decision.probability_TE)).view(self.islands, -1)
        # Not the unbiased one, which has no value for an island of one expert.
        variance = mean_IM.var(1, unbiased=False).mean()
        if self.islands > 1 and self.gap:
            best_2 = mean_IM.mean(1).topk(2).values
            # Not divided by the exponential, which may overflow: its gradient is no number then.
            variance = variance * (self.gap * (best_2[1] - best_2[0])).exp()
        return self.coefficient * variance
