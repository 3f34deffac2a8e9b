"""The router: one module per axis, in the one order in which they act."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from core.design.routing.router import Router as RouterSpec
from core.model.routing.balance.base import Balancer
from core.model.routing.capacity import accept
from core.model.routing.context import RouteContext
from core.model.routing.decision import Hard
from core.model.routing.modifier.base import MODIFIERS, Modifier
from core.model.routing.score.base import SCORES
from core.model.routing.select.base import SELECTORS
from core.model.routing.weigh.base import WEIGHERS

SCORE_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "softmax": lambda logits_TE: torch.softmax(logits_TE, 1),
    "sigmoid": torch.sigmoid,
}


class Router(nn.Module):
    """Noise, temperature, score function, selection bias, select, accept, weigh: x [T, D] to a decision.

    In float32 also under autocast. Padding is selected by nothing.
    """

    def __init__(self, spec: RouterSpec, width: int, experts: int) -> None:
        super().__init__()
        self.capacity = spec.capacity
        self.score = SCORES.build(spec.score, width, experts)
        self.function = SCORE_FUNCTIONS[spec.score_function]
        self.modifiers = nn.ModuleList(MODIFIERS.build(modifier) for modifier in spec.modifiers)
        self.select = SELECTORS.build(spec.select)
        self.weigh = WEIGHERS.build(spec.weigh)

    def forward(self, x_TD: Tensor, context: RouteContext, balancers: Sequence[Balancer]) -> Hard:
        with torch.autocast(x_TD.device.type, enabled=False):
            return self._decide(x_TD.float(), context, balancers)

    def _decide(self, x_TD: Tensor, context: RouteContext, balancers: Sequence[Balancer]) -> Hard:
        modifiers = [m for m in self.modifiers if isinstance(m, Modifier)]
        for modifier in modifiers:
            x_TD = modifier.on_input(x_TD, context)
        raw_TE = logits_TE = self.score(x_TD, context)
        deviation = sum(m.deviation(raw_TE.shape[1], context) ** 2 for m in modifiers) ** 0.5
        if deviation:
            noise_TE = torch.empty_like(raw_TE).normal_(generator=context.random)
            logits_TE = raw_TE + deviation * noise_TE
        noisy_TE = logits_TE if deviation else None
        for modifier in modifiers:
            logits_TE = modifier.on_logits(logits_TE, context)
        scores_TE = self.function(logits_TE)
        ranking_TE = _biased(scores_TE.detach(), balancers)
        selected_TK = self.select(ranking_TE, context)
        weight_TK = self.weigh(scores_TE.gather(1, selected_TK.clamp_min(0)))
        if context.mask_T is not None:
            nowhere_T1 = ~context.mask_T[:, None]
            selected_TK = selected_TK.masked_fill(nowhere_T1, -1)
            weight_TK = weight_TK.masked_fill(nowhere_T1, 0.0)
        accepted_TK = selected_TK >= 0
        if self.capacity is not None:
            accepted_TK = accept(selected_TK, scores_TE, self.capacity, context.tokens, context.training)
        return Hard(raw_TE, scores_TE, ranking_TE, selected_TK, accepted_TK, weight_TK, noisy_TE, deviation)


def _biased(scores_TE: Tensor, balancers: Sequence[Balancer]) -> Tensor:
    for balancer in balancers:
        bias_E = balancer.selection_bias()
        if bias_E is not None:
            scores_TE = scores_TE + bias_E
    return scores_TE
