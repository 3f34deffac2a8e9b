"""Scores: one float32 logit for each group of tokens and expert."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from core.design.routing.score.base import SCORE
from core.model.registry import Registry
from core.model.routing.context import RouteContext


class Score(nn.Module, ABC):
    """Overrides `forward`, `deviation` where it brings noise, and `prior` where it prefers experts."""

    @abstractmethod
    def forward(self, x_GD: Tensor, context: RouteContext) -> Tensor:
        """Raw logits [G, E] of what G groups (by default tokens) read."""

    def deviation(self, x_GD: Tensor, context: RouteContext) -> Tensor | float:
        """Standard deviation of Gaussian noise to add to the logits, one or [G, E]; 0 for none."""
        return 0.0

    def prior(self) -> Tensor | None:
        """A bias [E] that joins the logits last: no noise or temperature acts on it. None for none.

        So logits are s(x) / tau + b (arXiv 2405.13997), and cooling does not blow the bias up.
        """
        return None


#: A builder takes (spec, shape).
SCORES: Registry[Score] = Registry(SCORE)
