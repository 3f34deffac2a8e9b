"""The smallest set of experts whose probabilities reach p (dynamic routing, arXiv 2403.07652)."""

from __future__ import annotations

import torch
from torch import Tensor

from core.design.routing.select.top_p import TopP as TopPSpec
from core.design.schedule import value_at
from core.model.routing.context import RouteContext
from core.model.routing.select.base import SELECTORS, Ranked, Selector, best_of
from core.model.routing.shape import RoutedShape
from core.model.topk import top_k


@SELECTORS.register(TopPSpec)
class TopP(Selector):
    """By falling rank, while the mass of those before is below p; at least one, at most `max_k`.

    The mass is of clean scores, also where a bias changes the order. p of one is every expert: a rounded sum
    may reach one before the last.
    """

    def __init__(self, spec: TopPSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.p, self.most = spec.p, spec.most(shape.experts)

    def forward(self, ranked: Ranked, context: RouteContext) -> Tensor:
        p = value_at(self.p, context.passing.progress)
        value_TK, index_TK = top_k(ranked.ranking_TE, self.most)
        mass_TK = ranked.scores_TE.gather(1, index_TK)
        before_TK = torch.nn.functional.pad(mass_TK.cumsum(1)[:, :-1], (1, 0))
        taken_TK = (before_TK < (torch.inf if p >= 1 else p)) & (value_TK > -torch.inf)
        taken_TK[:, 0] = True
        return best_of(index_TK, taken_TK)
