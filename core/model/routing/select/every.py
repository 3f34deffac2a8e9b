"""All experts for every token."""

from __future__ import annotations

from torch import Tensor

from core.design.routing.select.every import All as AllSpec
from core.model.routing.context import RouteContext
from core.model.routing.select.base import SELECTORS, Ranked, Selector
from core.model.routing.shape import RoutedShape
from core.model.topk import top_k


@SELECTORS.register(AllSpec)
class All(Selector):
    """Every expert, the best first."""

    def __init__(self, spec: AllSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.experts = shape.experts

    def forward(self, ranked: Ranked, context: RouteContext) -> Tensor:
        return top_k(ranked.ranking_TE, self.experts)[1]
