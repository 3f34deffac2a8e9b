"""Weighers: from the scores of the selected to their weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor, nn

from core.design.routing.weigh.base import WEIGH
from core.model.registry import Registry


@dataclass(frozen=True)
class Picked:
    """The selected of each token, by rank: selected_TK, ids, -1 = none.

    scores_TE: all scores; logits_TE: what the score function read.
    """

    selected_TK: Tensor
    scores_TE: Tensor
    logits_TE: Tensor

    @cached_property
    def score_TK(self) -> Tensor:
        """Scores of the selected, 0 where nothing is."""
        return self._of(self.scores_TE)

    @cached_property
    def logit_TK(self) -> Tensor:
        """Logits of the selected, 0 where nothing is."""
        return self._of(self.logits_TE)

    def _of(self, value_TE: Tensor) -> Tensor:
        return value_TE.gather(1, self.selected_TK.clamp_min(0)).masked_fill(self.selected_TK < 0, 0.0)


class Weigher(nn.Module, ABC):
    """Overrides `forward`, `identity` where the token itself is mixed in, `narrowed` where fewer count."""

    @abstractmethod
    def forward(self, picked: Picked, training: bool) -> Tensor:
        """weight_TK; what stands where nothing was selected is not read."""

    def narrowed(self, picked: Picked, training: bool) -> Tensor:
        """The selected that are to be computed at all, ids [T, K'], -1 = none."""
        return picked.selected_TK

    def identity(self, picked: Picked) -> Tensor | None:
        """Share of the token itself in the output [T], None for none."""
        return None


#: A builder takes (spec, shape).
WEIGHERS: Registry[Weigher] = Registry(WEIGH)
