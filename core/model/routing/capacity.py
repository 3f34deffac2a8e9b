"""Which selected experts have room for a token."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import torch
from torch import Tensor

from core.design.routing.router import Capacity


def places(factor: float, k: int, tokens: int, experts: int) -> int:
    """C = ceil(factor * K * T / E), exactly, with the factor read as the decimal number it is written as."""
    over, under = _ratio(factor, k, experts)
    return -(-over * tokens // under)


def _ratio(factor: float, k: int, experts: int) -> tuple[int, int]:
    """factor * K / E as whole numbers (over, under)."""
    exact = Fraction(str(factor)) * k / experts
    return exact.numerator, exact.denominator


def accept(
    selected_TK: Tensor,
    scores_TE: Tensor,
    spec: Capacity,
    tokens: int,
    training: bool,
    most: int | None = None,
) -> Tensor:
    """accepted_TK: True where a selection is among the first C of its expert; -1 is never accepted.

    All first choices come before any second one (arXiv 2101.03961); among equal ranks earlier tokens, or with
    priority `score` tokens of a higher best score (arXiv 2106.05974), come first. Room is for `most` experts
    a token, by default one for each column.
    """
    k, experts = selected_TK.shape[1] if most is None else most, scores_TE.shape[1]
    factor = spec.train if training else spec.eval
    turn_T = _TURNS[spec.priority](scores_TE)
    if torch.compiler.is_exporting():
        accepted_TK: Tensor = first_in_line(selected_TK, turn_T, *_ratio(factor, k, experts), experts)
        return accepted_TK
    return _first_in_line(selected_TK, turn_T, places(factor, k, tokens, experts), experts)


@torch.library.custom_op("moe_studio::first_in_line", mutates_args=())
def first_in_line(selected_TK: Tensor, turn_T: Tensor, over: int, under: int, experts: int) -> Tensor:
    """Which slots are among the first ceil(over * T / under) of their expert, as an operator to export.

    turn_T: the order of the tokens. T stays inside: as a symbol its arithmetic would take torch minutes.
    """
    room = -(-over * selected_TK.shape[0] // under)
    return _first_in_line(selected_TK, turn_T, room, experts)


@first_in_line.register_fake
def _accepted_shape(selected_TK: Tensor, turn_T: Tensor, over: int, under: int, experts: int) -> Tensor:
    return torch.empty_like(selected_TK, dtype=torch.bool)


def _first_in_line(selected_TK: Tensor, turn_T: Tensor, room: int, experts: int) -> Tensor:
    expert_S = selected_TK.index_select(0, turn_T).t().reshape(-1)
    accepted_S = (_place_in_line(expert_S, experts) < room) & (expert_S >= 0)
    accepted_TK = torch.empty_like(selected_TK, dtype=torch.bool)
    accepted_TK[turn_T] = accepted_S.view(selected_TK.shape[1], -1).t()
    return accepted_TK


def _place_in_line(expert_S: Tensor, experts: int) -> Tensor:
    """How many earlier slots name the same expert."""
    order_S = torch.argsort(expert_S, stable=True)
    size = torch.bincount(expert_S + 1, minlength=experts + 1)
    start_S = (size.cumsum(0) - size)[expert_S.index_select(0, order_S) + 1]
    place_S = torch.empty_like(expert_S)
    place_S[order_S] = torch.arange(expert_S.shape[0], device=expert_S.device) - start_S
    return place_S


_TURNS: dict[str, Callable[[Tensor], Tensor]] = {
    "order": lambda scores_TE: torch.arange(scores_TE.shape[0], device=scores_TE.device),
    "score": lambda scores_TE: torch.argsort(scores_TE.detach().amax(1), descending=True, stable=True),
}
