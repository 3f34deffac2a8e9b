"""Importance and smooth load (arXiv 1701.06538)."""

from __future__ import annotations

import torch
from torch import Tensor

from core.design.routing.balance.importance_load_cv import ImportanceLoadCV as ImportanceLoadCVSpec
from core.model.routing.balance.base import BALANCERS, Balancer
from core.model.routing.context import RouteContext
from core.model.routing.decision import Hard, spread
from core.model.routing.shape import RoutedShape
from core.model.topk import top_k


@BALANCERS.register(ImportanceLoadCVSpec)
class ImportanceLoadCV(Balancer):
    """importance * CV^2(sum of weights) + load * CV^2(expected load under new noise)."""

    def __init__(self, spec: ImportanceLoadCVSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.spec = spec

    def loss(self, decision: Hard, context: RouteContext) -> Tensor:
        weights_TE = spread(decision.chosen_TK, decision.chosen_weight_TK, decision.experts)
        total = self.spec.importance * squared_variation(weights_TE.sum(0))
        if decision.noisy_TE is not None:
            total = total + self.spec.load * squared_variation(smooth_load(decision, context))
        return total


def squared_variation(x_E: Tensor) -> Tensor:
    """(standard deviation / mean)^2 over experts; 0 for a single one."""
    return x_E.var(unbiased=False) / (x_E.mean().square() + 1e-10)


def smooth_load(decision: Hard, context: RouteContext) -> Tensor:
    """Expected number of tokens [E] that would pick each expert if its own noise were drawn again.

    An expert is in if it beats the k-th best of the others: the (k+1)-th of all where it is among the best k
    itself, the k-th where not; k: experts of the token. A dropped expert is never in; where no others are
    left, or the token takes all, an expert always is.
    """
    assert decision.noisy_TE is not None
    k_T1 = (decision.chosen_TK >= 0).sum(1, keepdim=True).clamp_min(1)
    columns = min(decision.chosen_TK.shape[1] + 1, decision.experts)
    best_TK, index_TK = top_k(decision.noisy_TE, columns)
    among_TK = torch.arange(columns, device=k_T1.device) < k_T1
    inside_TE = spread(index_TK, among_TK.to(best_TK.dtype), decision.experts) > 0
    next_T1 = best_TK.gather(1, k_T1.clamp_max(columns - 1)).masked_fill(k_T1 == columns, -torch.inf)
    threshold_TE = torch.where(inside_TE, next_T1, best_TK.gather(1, k_T1 - 1))
    # Infinities are taken out first: a gradient through one is not a number.
    alone_TE = threshold_TE == -torch.inf
    away_TE = decision.logits_TE - threshold_TE.masked_fill(alone_TE, 0.0)
    # The trap of 1701.06538's appendix: without a floor, a tiny sigma divides by zero.
    in_TE = torch.special.ndtr(away_TE / torch.as_tensor(decision.deviation).clamp_min(1e-6))
    in_TE = in_TE.masked_fill(alone_TE, 1.0).masked_fill(decision.noisy_TE == -torch.inf, 0.0)
    load_E: Tensor = context.tokens * (context.share_T @ in_TE)
    return load_E
