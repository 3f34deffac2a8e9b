"""Which selected experts have room for a token."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import torch
from torch import Tensor

from core.design.routing.router import Capacity


def places(factor: float, k: int, tokens: int, experts: int) -> int:
    """C = ceil(factor * K * T / E), exactly, with the factor read as the decimal number it is written as."""
    return math.ceil(Fraction(str(factor)) * k * tokens / experts)


def accept(selected_TK: Tensor, scores_TE: Tensor, spec: Capacity, tokens: int, training: bool) -> Tensor:
    """accepted_TK: True where a selection is among the first C of its expert; -1 is never accepted.

    All first choices come before any second one (arXiv 2101.03961); among equal ranks earlier tokens, or with
    priority `score` tokens of a higher best score (arXiv 2106.05974), come first.
    """
    k, experts = selected_TK.shape[1], scores_TE.shape[1]
    room = places(spec.train if training else spec.eval, k, tokens, experts)
    turn_T = _TURNS[spec.priority](scores_TE)
    expert_S = selected_TK.index_select(0, turn_T).t().reshape(-1)
    accepted_S = (_place_in_line(expert_S, experts) < room) & (expert_S >= 0)
    accepted_TK = torch.empty_like(selected_TK, dtype=torch.bool)
    accepted_TK[turn_T] = accepted_S.view(k, -1).t()
    return accepted_TK


def _place_in_line(expert_S: Tensor, experts: int) -> Tensor:
    """How many earlier slots name the same expert."""
    order_S = torch.argsort(expert_S, stable=True)
    size = torch.bincount(expert_S + 1, minlength=experts + 1)
    start_S = (size.cumsum(0) - size)[expert_S.index_select(0, order_S) + 1]
    place_S = torch.empty_like(expert_S)
    place_S[order_S] = torch.arange(len(expert_S), device=expert_S.device) - start_S
    return place_S


_TURNS: dict[str, Callable[[Tensor], Tensor]] = {
    "order": lambda scores_TE: torch.arange(len(scores_TE), device=scores_TE.device),
    "score": lambda scores_TE: torch.argsort(scores_TE.detach().amax(1), descending=True, stable=True),
}
