"""The load-balance loss of token choice (Switch, arXiv 2101.03961)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from core.design.routing.balance.load_balance import LoadBalance as LoadBalanceSpec
from core.model.routing.balance.base import BALANCERS, Balancer
from core.model.routing.context import RouteContext
from core.model.routing.decision import Hard, count, spread
from core.model.routing.shape import RoutedShape


@BALANCERS.register(LoadBalanceSpec)
class LoadBalance(Balancer):
    """E * sum_e f_e P_e, 1 where both are uniform; f: shares of the selections, P: mean scores.

    Per sequence: of each example, then the mean over examples (DeepSeek-V3, arXiv 2412.19437). Per island:
    f and P summed over islands, times their number (device-level loss of DeepSeekMoE, arXiv 2401.06066).
    """

    def __init__(self, spec: LoadBalanceSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.spec, self.islands = spec, shape.islands
        self.measure = _PER[spec.per]

    def loss(self, decision: Hard, context: RouteContext) -> Tensor:
        counted_TK = decision.chosen_TK
        if self.spec.choices == "first":
            counted_TK = counted_TK[:, :1]
        return self.spec.coefficient * self.measure(counted_TK, decision, context, self.islands)


def _batch(counted_TK: Tensor, decision: Hard, context: RouteContext, islands: int) -> Tensor:
    share_E, mean_E = _shares(counted_TK, decision, context)
    return decision.experts * (share_E * mean_E).sum()


def _island(counted_TK: Tensor, decision: Hard, context: RouteContext, islands: int) -> Tensor:
    share_E, mean_E = _shares(counted_TK, decision, context)
    return islands * (share_E.view(islands, -1).sum(1) * mean_E.view(islands, -1).sum(1)).sum()


def _sequence(counted_TK: Tensor, decision: Hard, context: RouteContext, islands: int) -> Tensor:
    real_BS1 = (context.share_T > 0).view(*context.shape, 1)
    chosen_TE = spread(counted_TK, torch.ones_like(counted_TK, dtype=torch.float32), decision.experts)
    chosen_BE = chosen_TE.view(*context.shape, -1).sum(1)
    share_BE = chosen_BE / chosen_BE.sum(1, keepdim=True).clamp_min(1)
    tokens_B = real_BS1.sum((1, 2))
    total_BE = (decision.probability_TE.view(*context.shape, -1) * real_BS1).sum(1)
    loss_B = (share_BE * total_BE).sum(1) / tokens_B.clamp_min(1)
    return decision.experts * loss_B.sum() / (tokens_B > 0).sum().clamp_min(1)


def _shares(counted_TK: Tensor, decision: Hard, context: RouteContext) -> tuple[Tensor, Tensor]:
    """(f_E without gradient, P_E with), both summing to one."""
    counts_E = count(counted_TK, decision.experts).float()
    return counts_E / counts_E.sum().clamp_min(1), context.share_T @ decision.probability_TE


_PER: dict[str, Callable[[Tensor, Hard, RouteContext, int], Tensor]] = {
    "batch": _batch,
    "sequence": _sequence,
    "island": _island,
}
