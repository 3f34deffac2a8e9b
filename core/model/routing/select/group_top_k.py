"""Best islands first, then the best experts inside (DeepSeek-V3, arXiv 2412.19437; SAM, arXiv 2110.07431)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from core.design.routing.select.group_top_k import GroupTopK as GroupTopKSpec
from core.model.routing.context import RouteContext
from core.model.routing.select.base import SELECTORS, Ranked, Selector
from core.model.routing.shape import RoutedShape
from core.model.topk import top_k


@SELECTORS.register(GroupTopKSpec)
class GroupTopK(Selector):
    """`k` experts of the `top_islands` islands that score best, as ranked: with the selection bias.

    Other islands stand at -inf, not at 0, for a bias may be negative. Ties go to the lower index.
    """

    def __init__(self, spec: GroupTopKSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.k, self.reach = spec.most(shape.experts), spec.top_islands
        self.islands, self.score = shape.islands, _SCORES[spec.island_score]

    def forward(self, ranked: Ranked, context: RouteContext) -> Tensor:
        ranking_TIM = ranked.ranking_TE.unflatten(1, (self.islands, -1))
        best_TG = top_k(self.score(ranking_TIM), self.reach)[1]
        shut_TI = torch.ones_like(ranking_TIM[:, :, 0], dtype=torch.bool).scatter(1, best_TG, False)
        value_TK, index_TK = top_k(
            ranking_TIM.masked_fill(shut_TI[:, :, None], -torch.inf).flatten(1), self.k
        )
        # Fewer than k where a modifier closed experts of the best islands.
        return index_TK.masked_fill(value_TK == -torch.inf, -1)


def _sum(ranking_TIM: Tensor) -> Tensor:
    """Closed experts add nothing; an island of closed experts only comes last."""
    closed_TIM = ranking_TIM == -torch.inf
    sum_TI = ranking_TIM.masked_fill(closed_TIM, 0).sum(2)
    return sum_TI.masked_fill(closed_TIM.all(2), -torch.inf)


_SCORES: dict[str, Callable[[Tensor], Tensor]] = {
    "sum": _sum,
    "max": lambda ranking_TIM: ranking_TIM.amax(2),
    "top2_sum": lambda ranking_TIM: _sum(ranking_TIM.topk(min(2, ranking_TIM.shape[2]), 2).values),
}
