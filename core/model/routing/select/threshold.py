"""All experts above a score (dense-to-sparse gating, arXiv 2112.14397)."""

from __future__ import annotations

from torch import Tensor

from core.design.routing.select.threshold import Threshold as ThresholdSpec
from core.design.schedule import value_at
from core.model.routing.context import RouteContext
from core.model.routing.select.base import SELECTORS, Ranked, Selector, best_of
from core.model.routing.shape import RoutedShape
from core.model.topk import top_k


@SELECTORS.register(ThresholdSpec)
class Threshold(Selector):
    """Experts whose score is at least theta, and the best `min_k` in any case."""

    def __init__(self, spec: ThresholdSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.theta, self.fewest, self.most = spec.theta, spec.fewest(shape.experts), spec.most(shape.experts)

    def forward(self, ranked: Ranked, context: RouteContext) -> Tensor:
        theta = value_at(self.theta, context.passing.progress)
        index_TK = top_k(ranked.ranking_TE, self.most)[1]
        taken_TK = ranked.scores_TE.gather(1, index_TK) >= theta
        taken_TK[:, : self.fewest] = True
        return best_of(index_TK, taken_TK)
