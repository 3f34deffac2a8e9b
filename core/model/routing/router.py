"""The router: one module per axis, in the one order in which they act."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from core.design.routing.router import Router as RouterSpec
from core.model.routing.balance.base import Balancer
from core.model.routing.capacity import accept
from core.model.routing.condition.base import CONDITIONS
from core.model.routing.context import RouteContext
from core.model.routing.decision import Hard
from core.model.routing.modifier.base import MODIFIERS, Modifier
from core.model.routing.scope import SCOPES, Scope
from core.model.routing.score.base import SCORES
from core.model.routing.select.base import SELECTORS, Ranked
from core.model.routing.shape import RoutedShape
from core.model.routing.uncertain import Broadcast
from core.model.routing.weigh.base import WEIGHERS, Picked

SCORE_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "softmax": lambda logits_GE: torch.softmax(logits_GE, 1),
    "sigmoid": torch.sigmoid,
    "none": lambda logits_GE: logits_GE,
}


@dataclass(frozen=True)
class Scored:
    """Scores of G groups of tokens, before anything is chosen.

    raw_GE: logits of score and condition; noisy_GE: with Gaussian noise, None without; deviation: of that
    noise. logits_GE: after all modifiers, what the score function read; scores_GE: what it gave.
    """

    raw_GE: Tensor
    noisy_GE: Tensor | None
    deviation: Tensor | float
    logits_GE: Tensor
    scores_GE: Tensor
    scope: Scope


class Router(nn.Module):
    """Mask, noise, temperature, score function, selection bias, select, uncertain rule, accept, weigh.

    In float32 also under autocast. Padding is selected by nothing.
    """

    def __init__(self, spec: RouterSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.capacity, self.signed = spec.capacity, spec.score_function == "none"
        self.most = spec.select.most(shape.experts) if spec.select.ragged else None
        self.scope = SCOPES[spec.scope]
        written = replace(shape, experts=spec.combine.outputs(shape.experts))
        self.score = SCORES.build(spec.score, written)
        self.condition = None if spec.condition is None else CONDITIONS.build(spec.condition, written)
        self.function = SCORE_FUNCTIONS[spec.score_function]
        # Sorted stably, so that within a turn the order of the design stands.
        built = sorted((MODIFIERS.build(m, shape) for m in spec.modifiers), key=lambda m: m.turn)
        self.modifiers = nn.ModuleList(built)
        self.closes = any(modifier.turn == 0 for modifier in built)
        self.select = SELECTORS.build(spec.select, shape)
        self.weigh = WEIGHERS.build(spec.weigh, shape)
        self.uncertain = None if spec.uncertain is None else Broadcast(spec.uncertain, spec.weigh.scale)

    def forward(self, x_TD: Tensor, context: RouteContext) -> Scored:
        """Scores of x, in groups where the router decides for several tokens at once."""
        with torch.autocast(x_TD.device.type, enabled=False):
            return self._scored(x_TD, context)

    def _scored(self, x_TD: Tensor, context: RouteContext) -> Scored:
        scope = self.scope(context)
        x_GD = scope.pooled(x_TD.float(), context)
        modifiers = cast("list[Modifier]", list(self.modifiers))
        for modifier in modifiers:
            x_GD = modifier.on_input(x_GD, context)
        raw_GE = self.score(x_GD, context)
        if self.condition is not None:
            raw_GE = self.condition(raw_GE, x_GD, _tasks(scope, context), context)
        logits_GE = raw_GE
        for modifier in modifiers:
            if modifier.turn == 0:
                logits_GE = modifier.on_logits(logits_GE, context)
        deviation = self._deviation(x_GD, modifiers, context, raw_GE.shape[1])
        noisy_GE = None
        if isinstance(deviation, Tensor) or deviation:
            logits_GE = logits_GE + deviation * torch.empty_like(raw_GE).normal_(generator=context.random)
            noisy_GE = logits_GE
        for modifier in modifiers:
            if modifier.turn > 0:
                logits_GE = modifier.on_logits(logits_GE, context)
        prior_E = self.score.prior()
        if prior_E is not None:
            raw_GE, logits_GE = raw_GE + prior_E, logits_GE + prior_E
            noisy_GE = None if noisy_GE is None else noisy_GE + prior_E
        return Scored(raw_GE, noisy_GE, deviation, logits_GE, self.function(logits_GE), scope)

    def _deviation(
        self, x_GD: Tensor, modifiers: Sequence[Modifier], context: RouteContext, experts: int
    ) -> Tensor | float:
        """Independent noises add up in their variances."""
        own = self.score.deviation(x_GD, context)
        added = sum(m.deviation(experts, context) ** 2 for m in modifiers)
        return own if not added else (own**2 + added) ** 0.5

    def choose(self, scored: Scored, context: RouteContext, balancers: Sequence[Balancer]) -> Hard:
        """Each token's own experts."""
        each = scored.scope.each
        scores_TE, logits_TE = each(scored.scores_GE), each(scored.logits_GE)
        ranking_TE = _biased(scores_TE.detach(), balancers)
        if self.closes:  # a selection bias shall not open what a mask has closed
            ranking_TE = ranking_TE.masked_fill(logits_TE == -torch.inf, -torch.inf)
        ranked = Ranked(ranking_TE, scores_TE.detach(), logits_TE.detach())
        selected_TK = self.select(ranked, context)
        if self.closes:  # nor shall a selector that takes all, or more than are open
            value_TK = ranking_TE.gather(1, selected_TK.clamp_min(0))
            selected_TK = selected_TK.masked_fill(value_TK == -torch.inf, -1)
        if context.mask_T is not None:
            selected_TK = selected_TK.masked_fill(~context.mask_T[:, None], -1)
        selected_TK = self.weigh.narrowed(Picked(selected_TK, scores_TE, logits_TE), context.training)
        picked = Picked(selected_TK, scores_TE, logits_TE)
        weight_TK = self.weigh(picked, context.training).masked_fill(selected_TK < 0, 0.0)
        accepted_TK = selected_TK >= 0
        sent_TK = self.select.dispatched(picked, context)
        if sent_TK is not None:
            accepted_TK = accepted_TK & sent_TK
        uncertain_T = None if self.uncertain is None else self.uncertain.uncertain_T(scores_TE, context)
        if uncertain_T is not None:  # these take no places
            accepted_TK = accepted_TK & ~uncertain_T[:, None]
        if self.capacity is not None:
            claims_TK = selected_TK.masked_fill(~accepted_TK, -1)
            accepted_TK = accept(
                claims_TK, scores_TE, self.capacity, context.tokens, context.training, self.most
            )
        noisy_TE = None if scored.noisy_GE is None else each(scored.noisy_GE)
        deviation = scored.deviation
        decision = Hard(
            each(scored.raw_GE),
            scores_TE,
            ranking_TE,
            selected_TK,
            accepted_TK,
            weight_TK,
            noisy_TE,
            each(deviation) if isinstance(deviation, Tensor) else deviation,
            self.weigh.identity(picked),
            signed=self.signed,
        )
        if self.uncertain is None or uncertain_T is None:
            return decision
        return self.uncertain.widened(decision, uncertain_T)


def _tasks(scope: Scope, context: RouteContext) -> Tensor:
    """The task of each group [G]."""
    task_T = context.task_T  # says which ids are missing or not there, and how to mend it
    return task_T if scope.task_G is None else scope.task_G


def _biased(scores_TE: Tensor, balancers: Sequence[Balancer]) -> Tensor:
    for balancer in balancers:
        bias_E = balancer.selection_bias()
        if bias_E is not None:
            scores_TE = scores_TE + bias_E
    return scores_TE
