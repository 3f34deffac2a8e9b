"""The k best experts of every token."""

from __future__ import annotations

import torch
from torch import Tensor

from core.design.routing.select.top_k import TopK as TopKSpec
from core.design.schedule import value_at
from core.model.routing.context import RouteContext
from core.model.routing.select.base import SELECTORS, Ranked, Selector
from core.model.routing.shape import RoutedShape
from core.model.routing.weigh.base import Picked
from core.model.topk import top_k


@SELECTORS.register(TopKSpec)
class TopK(Selector):
    """k, or its schedule rounded at the progress of the moment; ties go to the lower index.

    With `random_second` the second expert gets a token of training only with probability min(1, 2 w), w its
    share of the two scores (GShard, arXiv 2006.16668).
    """

    def __init__(self, spec: TopKSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.k, self.random_second = spec.k, spec.random_second

    def forward(self, ranked: Ranked, context: RouteContext) -> Tensor:
        wanted = round(value_at(self.k, context.passing.progress))
        return top_k(ranked.ranking_TE, min(max(wanted, 1), ranked.ranking_TE.shape[1]))[1]

    def dispatched(self, picked: Picked, context: RouteContext) -> Tensor | None:
        if not self.random_second or not context.training:
            return None
        score_TK = picked.score_TK.detach()
        share_T = score_TK[:, 1] / score_TK.sum(1).clamp_min(1e-20)
        chance_T = torch.rand(share_T.shape, device=share_T.device, generator=context.random)
        return torch.stack((torch.ones_like(chance_T, dtype=torch.bool), chance_T < 2 * share_T), 1)
