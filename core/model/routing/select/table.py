"""The experts that a table names: by a token's number or hash, or by the skills of a task."""

from __future__ import annotations

from torch import Tensor

from core.design.routing.select.table import TableSelect as TableSpec
from core.model.routing.context import RouteContext
from core.model.routing.select.base import SELECTORS, Ranked, Selector, best_of
from core.model.routing.shape import RoutedShape
from core.model.topk import top_k


@SELECTORS.register(TableSpec)
class Table(Selector):
    """Exactly the experts that share the largest logit: a table gives one number to all that it names."""

    def __init__(self, spec: TableSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.experts = shape.experts

    def forward(self, ranked: Ranked, context: RouteContext) -> Tensor:
        logit_TK, index_TK = top_k(ranked.logits_TE, self.experts)
        return best_of(index_TK, logit_TK == logit_TK[:, :1])
