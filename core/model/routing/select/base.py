"""Selectors: from what experts are ranked by to the ids of the chosen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.design.routing.select.base import SELECT
from core.model.registry import Registry
from core.model.routing.context import RouteContext
from core.model.routing.weigh.base import Picked


@dataclass(frozen=True)
class Ranked:
    """What a selector may compare. None of it carries a gradient.

    ranking_TE: scores with the selection bias, -inf where a modifier closed the expert; scores_TE: without
    both; logits_TE: what the score function read.
    """

    ranking_TE: Tensor
    scores_TE: Tensor
    logits_TE: Tensor


class Selector(nn.Module, ABC):
    """Overrides `forward`, and `dispatched` where a chosen expert may still be left out at random."""

    @abstractmethod
    def forward(self, ranked: Ranked, context: RouteContext) -> Tensor:
        """selected_TK: ids by rank, -1 = none. A row names an expert at most once."""

    def dispatched(self, picked: Picked, context: RouteContext) -> Tensor | None:
        """Which of the selected are sent at all, bool [T, K]; None for all. Weights stay as they are."""
        return None


def best_of(index_TK: Tensor, taken_TK: Tensor) -> Tensor:
    """selected_TK: ids where taken, -1 elsewhere, without the columns that no token needs.

    Every row takes its first columns. An exported program keeps all columns, for their number may not
    depend on data.
    """
    selected_TK = index_TK.masked_fill(~taken_TK, -1)
    if torch.compiler.is_exporting():
        return selected_TK
    needed = int(taken_TK.any(0).sum())
    return selected_TK[:, : max(1, needed)].contiguous()


#: A builder takes (spec, shape).
SELECTORS: Registry[Selector] = Registry(SELECT)
