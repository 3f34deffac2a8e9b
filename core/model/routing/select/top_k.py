"""The k best experts of every token."""

from __future__ import annotations

from torch import Tensor

from core.design.routing.select.top_k import TopK as TopKSpec
from core.design.schedule import value_at
from core.model.routing.context import RouteContext
from core.model.routing.select.base import SELECTORS, Ranked, Selector
from core.model.routing.shape import RoutedShape
from core.model.topk import top_k


@SELECTORS.register(TopKSpec)
class TopK(Selector):
    """k, or its schedule rounded at the progress of the moment; ties go to the lower index."""

    def __init__(self, spec: TopKSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.k = spec.k

    def forward(self, ranked: Ranked, context: RouteContext) -> Tensor:
        wanted = round(value_at(self.k, context.passing.progress))
        return top_k(ranked.ranking_TE, min(max(wanted, 1), ranked.ranking_TE.shape[1]))[1]
