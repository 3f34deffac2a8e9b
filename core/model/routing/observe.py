"""From a decision to the record of it that a pass asks for."""

from __future__ import annotations

import torch
from torch import Tensor

from core.model.routing.context import RouteContext
from core.model.routing.decision import Decision, Hard, Merge, Soft
from core.model.routing.record import RoutingRecord


@torch.no_grad()
def record(decision: Decision, context: RouteContext) -> RoutingRecord | None:
    """The record that the pass asks for."""
    of = context.passing
    if of.record == "none":
        return None
    if not isinstance(decision, Hard):
        return _soft(decision, context)
    by_domain = None if of.domain is None else _by_domain(decision, of.domain, of.domains, context.shape[1])
    counts = (decision.accepted_E, decision.selected_E, context.tokens, by_domain)
    if of.record == "counts":
        return RoutingRecord(*counts)
    probability_TE = decision.probability_TE.detach()
    return RoutingRecord(
        *counts,
        expert_TK=decision.expert_TK,
        selected_TK=decision.selected_TK,
        weight_TK=decision.mix_TK.detach(),
        probability_TE=probability_TE,
        entropy_T=torch.special.entr(probability_TE).sum(1),
        margin_T=_margin(decision),
    )


def _soft(decision: Merge | Soft, context: RouteContext) -> RoutingRecord:
    of, share_TE, share_NE = context.passing, decision.share_TE.detach(), None
    if of.domain is not None:
        domain_T = of.domain.long().repeat_interleave(context.shape[1])
        real_T = (context.share_T > 0).to(share_TE.dtype)
        empty_NE = share_TE.new_zeros(of.domains, share_TE.shape[1])
        share_NE = empty_NE.index_add(0, domain_T, share_TE * real_T[:, None])
    if of.record == "counts":
        return RoutingRecord(None, None, context.tokens, share_NE=share_NE)
    return RoutingRecord(
        None,
        None,
        context.tokens,
        probability_TE=share_TE,
        entropy_T=torch.special.entr(share_TE).sum(1),
        share_NE=share_NE,
    )


def _by_domain(decision: Hard, domain_B: Tensor, domains: int, tokens: int) -> Tensor:
    """Accepted counts [N, E], by one bincount over (domain, expert) pairs."""
    columns = decision.experts + 1
    domain_T = domain_B.long().repeat_interleave(tokens)
    cell_TK = domain_T[:, None] * columns + decision.expert_TK + 1
    return torch.bincount(cell_TK.reshape(-1), minlength=domains * columns).view(domains, columns)[:, 1:]


def _margin(decision: Hard) -> Tensor:
    chosen_TE = decision.selected_TE
    low_T = decision.ranking_TE.masked_fill(~chosen_TE, torch.inf).amin(1)
    high_T = decision.ranking_TE.masked_fill(chosen_TE, -torch.inf).amax(1)
    return low_T - high_T
