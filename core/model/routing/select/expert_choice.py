"""Experts choose their tokens (arXiv 2202.09368)."""

from __future__ import annotations

from fractions import Fraction

import torch
from torch import Tensor

from core.design.routing.select.expert_choice import ExpertChoice as ExpertChoiceSpec
from core.model.routing.context import RouteContext
from core.model.routing.select.base import SELECTORS, Ranked, Selector, best_of
from core.model.routing.shape import RoutedShape
from core.model.topk import top_k


@SELECTORS.register(ExpertChoiceSpec)
class ExpertChoice(Selector):
    """Each expert takes its best C = round(factor * T / E) of the T real tokens of the whole batch.

    At least one and at most all of them, halves rounded up; ties go to the earlier token. The rule is the
    same at evaluation, so what a token gets depends on the batch it comes in.
    """

    def __init__(self, spec: ExpertChoiceSpec, shape: RoutedShape) -> None:
        super().__init__()
        share = Fraction(str(spec.factor)) / shape.experts
        self.over, self.under = share.numerator, share.denominator

    def forward(self, ranked: Ranked, context: RouteContext) -> Tensor:
        ranking_TE = ranked.ranking_TE
        if torch.compiler.is_exporting():
            taken_TE: Tensor = experts_choose(ranking_TE, self.over, self.under)
        else:
            if context.mask_T is not None:
                ranking_TE = ranking_TE.masked_fill(~context.mask_T[:, None], -torch.inf)
            taken_TE = _best_tokens(ranking_TE, places(self.over, self.under, context.tokens))
        value_TK, index_TK = top_k(ranking_TE.masked_fill(~taken_TE, -torch.inf), ranking_TE.shape[1])
        return best_of(index_TK, value_TK > -torch.inf)


def places(over: int, under: int, tokens: int) -> int:
    """C: tokens of each expert, over / under of all."""
    return min(tokens, max(1, (2 * over * tokens + under) // (2 * under)))


@torch.library.custom_op("moe_studio::experts_choose", mutates_args=())
def experts_choose(ranking_TE: Tensor, over: int, under: int) -> Tensor:
    """bool [T, E]: a token is among the best C of an expert, as an operator to export.

    T stays inside: as a symbol its arithmetic would take torch minutes.
    """
    return _best_tokens(ranking_TE, places(over, under, ranking_TE.shape[0]))


@experts_choose.register_fake
def _taken_shape(ranking_TE: Tensor, over: int, under: int) -> Tensor:
    return torch.empty_like(ranking_TE, dtype=torch.bool)


def _best_tokens(ranking_TE: Tensor, room: int) -> Tensor:
    best_CE = torch.sort(ranking_TE, dim=0, descending=True, stable=True).indices[:room]
    return torch.zeros_like(ranking_TE, dtype=torch.bool).scatter(0, best_CE, True)
