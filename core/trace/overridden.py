"""The parts of a router that stand in for its own while an override holds. T tokens, K picks, E experts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.design.override import Given, Override, Pick, Random, Rank, TopK, TopP
from core.model.randomness import generator
from core.model.routing.context import RouteContext
from core.model.routing.modifier.base import Modifier
from core.model.routing.select.base import Ranked, Selector
from core.model.routing.weigh.base import Picked, Weigher
from core.model.topk import top_k


@dataclass(frozen=True)
class Rule:
    """An override of one layer. most: experts a token gets at most; given_T: an expert for each token, -1 =
    none is given."""

    spec: Override
    experts: int
    most: int
    given_T: Tensor | None = None

    def felt(self, context: RouteContext) -> Tensor | None:
        """Which tokens it is for, bool [T, 1]; None for all."""
        return _FELT[self.spec.scope](context)

    @property
    def opened_E(self) -> Tensor:
        """Experts that are picked whatever their score is, bool [E]."""
        named = (*self.spec.force, *(self.spec.pick.experts if isinstance(self.spec.pick, Given) else ()))
        return _hot(named, self.experts)

    @property
    def closed_E(self) -> Tensor:
        """Experts that cannot be picked, bool [E]."""
        return _hot(self.spec.suppress, self.experts)


class Shifted(Modifier):
    """Logits with the bias. It acts after all others, on what the score function reads.

    An opened expert that the router does not score at all (a table scores only those it names) gets the best
    score of the token; where opened experts take all its places, no others are scored.
    """

    turn = 3

    def __init__(self, rule: Rule) -> None:
        super().__init__()
        self.rule = rule
        self.bias_E = torch.zeros(rule.experts)
        for expert, bias in rule.spec.bias.items():
            self.bias_E[expert] = bias
        opened_E = rule.opened_E
        self.opened_E, self.full = opened_E, int(opened_E.sum()) >= rule.most

    def on_logits(self, logits_GE: Tensor, context: RouteContext) -> Tensor:
        shifted_GE = logits_GE + self.bias_E if self.rule.spec.bias else logits_GE
        shifted_GE = _opened(shifted_GE, self.opened_E.expand_as(shifted_GE), self.full)
        felt_T1 = self.rule.felt(context)
        if felt_T1 is not None:
            shifted_GE = torch.where(felt_T1, shifted_GE, logits_GE)
        if self.rule.given_T is not None:
            own_TE = self.rule.given_T[:, None] == torch.arange(self.rule.experts)
            shifted_GE = _opened(shifted_GE, own_TE, True)
        return shifted_GE


def _opened(logits_TE: Tensor, opened_TE: Tensor, full: bool) -> Tensor:
    unscored_TE = opened_TE & (logits_TE == -torch.inf)
    if not bool(unscored_TE.any()):
        return logits_TE
    best_T1 = logits_TE.amax(1, keepdim=True)
    rows_T1 = unscored_TE.any(1, keepdim=True)
    others_TE = rows_T1 & ~opened_TE if full else torch.zeros_like(unscored_TE)
    return torch.where(unscored_TE, best_T1, logits_TE).masked_fill(others_TE, -torch.inf)


class Overridden(Selector):
    """The layer's own selection, or another, with experts closed and forced."""

    def __init__(self, rule: Rule, own: Selector, weigh: Weigher) -> None:
        super().__init__()
        self.rule, self.own, self.weigh = rule, own, weigh
        self.closed_E, self.force = rule.closed_E, rule.spec.force

    def forward(self, ranked: Ranked, context: RouteContext) -> Tensor:
        selected_TK = self._changed(ranked, context)
        felt_T1 = self.rule.felt(context)
        if felt_T1 is not None:
            selected_TK = _where(felt_T1, selected_TK, self.own(ranked, context))
        if self.rule.given_T is not None:
            given_T1 = self.rule.given_T[:, None]
            selected_TK = _where(given_T1 >= 0, given_T1, selected_TK)
        return selected_TK

    def _changed(self, ranked: Ranked, context: RouteContext) -> Tensor:
        ranking_TE = ranked.ranking_TE.masked_fill(self.closed_E, -torch.inf)
        logits_TE = ranked.logits_TE.masked_fill(self.closed_E, -torch.inf)
        if bool(self.closed_E.all()):
            return torch.full_like(ranking_TE[:, :1], -1, dtype=torch.int64)
        open_ = Ranked(ranking_TE, ranked.scores_TE, logits_TE)
        pick = self.rule.spec.pick
        selected_TK = self.own(open_, context) if pick is None else _PICKS[type(pick)](pick, open_, context)
        # A rule that computes fewer than were selected shall see the choice before experts are forced.
        picked = Picked(selected_TK, ranked.scores_TE, logits_TE)
        selected_TK = self.weigh.narrowed(picked, context.training)
        lowest_TE = torch.minimum(ranking_TE, logits_TE)
        shut_TK = lowest_TE.gather(1, selected_TK.clamp_min(0)) == -torch.inf
        selected_TK = _left(selected_TK.masked_fill(shut_TK, -1))
        return forced(selected_TK, self.force, self.rule.most) if self.force else selected_TK


def forced(selected_TK: Tensor, force: tuple[int, ...], most: int) -> Tensor:
    """The selection with every expert of `force` in it, in the places of the last ones that are not.

    A token keeps its number of experts, up to `most`, unless more are forced than it has.
    """
    force_F = torch.tensor(force)
    is_TK = torch.isin(selected_TK, force_F)
    room_T = (selected_TK >= 0).sum(1).clamp_max(most) - len(force)
    free_TK = (selected_TK >= 0) & ~is_TK
    stays_TK = is_TK | (free_TK & (free_TK.cumsum(1) <= room_T[:, None]))
    missing_TF = ~(selected_TK[:, :, None] == force_F).any(1)
    new_TF = torch.where(missing_TF, force_F, -1)
    return _left(torch.cat((selected_TK.masked_fill(~stays_TK, -1), new_TF), 1))


def _left(selected_TK: Tensor) -> Tensor:
    """Rows with their picks first, in order, without the columns that no token needs."""
    order_TK = (selected_TK < 0).to(torch.int8).argsort(dim=1, stable=True)
    needed = max(1, int((selected_TK >= 0).sum(1).max()) if len(selected_TK) else 0)
    return selected_TK.gather(1, order_TK)[:, :needed]


def _where(chosen_T1: Tensor, one_TK: Tensor, other_TK: Tensor) -> Tensor:
    """Rows of the one or the other, which may differ in width."""
    k = max(one_TK.shape[1], other_TK.shape[1])
    one_TK, other_TK = (
        torch.nn.functional.pad(each, (0, k - each.shape[1]), value=-1) for each in (one_TK, other_TK)
    )
    return torch.where(chosen_T1, one_TK, other_TK)


def _hot(experts: tuple[int, ...], count: int) -> Tensor:
    hot_E = torch.zeros(count, dtype=torch.bool)
    hot_E[list(experts)] = True
    return hot_E


def _generated(context: RouteContext) -> Tensor:
    decode = context.passing.decode
    tokens = context.shape[0] * context.shape[1]
    return torch.zeros(tokens, 1, dtype=torch.bool) if decode is None else decode.reshape(tokens, 1)


_FELT: dict[str, Callable[[RouteContext], Tensor | None]] = {
    "all": lambda context: None,
    "prefill": lambda context: ~_generated(context),
    "decode": _generated,
}


def _top_k(pick: TopK, ranked: Ranked, context: RouteContext) -> Tensor:
    return top_k(ranked.ranking_TE, min(pick.k, ranked.ranking_TE.shape[1]))[1]


def _rank(pick: Rank, ranked: Ranked, context: RouteContext) -> Tensor:
    experts = ranked.ranking_TE.shape[1]
    return top_k(ranked.ranking_TE, min(pick.r, experts))[1][:, pick.r - 1 : pick.r]


def _top_p(pick: TopP, ranked: Ranked, context: RouteContext) -> Tensor:
    index_TK = top_k(ranked.ranking_TE, ranked.ranking_TE.shape[1])[1]
    score_TE = ranked.scores_TE.clamp_min(0).masked_fill(ranked.ranking_TE == -torch.inf, 0)
    mass_TK = (score_TE / score_TE.sum(1, keepdim=True).clamp_min(1e-20)).gather(1, index_TK).cumsum(1)
    before_TK = torch.nn.functional.pad(mass_TK[:, :-1], (1, 0))
    return index_TK.masked_fill(before_TK >= (torch.inf if pick.p >= 1 else pick.p), -1)


def _random(pick: Random, ranked: Ranked, context: RouteContext) -> Tensor:
    of = generator("override", pick.seed, context.layer, context.passing.pass_index)
    chance_TE = torch.rand(ranked.ranking_TE.shape, generator=of)
    chance_TE = chance_TE.masked_fill(ranked.ranking_TE == -torch.inf, -torch.inf)
    return top_k(chance_TE, min(pick.k, chance_TE.shape[1]))[1]


def _given(pick: Given, ranked: Ranked, context: RouteContext) -> Tensor:
    return torch.tensor(pick.experts).expand(len(ranked.ranking_TE), -1)


_PICKS: dict[type[Pick], Callable[[Any, Ranked, RouteContext], Tensor]] = {
    TopK: _top_k,
    Rank: _rank,
    TopP: _top_p,
    Random: _random,
    Given: _given,
}

_MOST: dict[type[Pick], Callable[[Any, int], int]] = {
    TopK: lambda pick, experts: pick.k,
    Rank: lambda pick, experts: 1,
    TopP: lambda pick, experts: experts,
    Random: lambda pick, experts: pick.k,
    Given: lambda pick, experts: len(pick.experts),
}


def most(pick: Pick, experts: int) -> int:
    """Most experts that a token gets this way."""
    return min(experts, _MOST[type(pick)](pick, experts))
