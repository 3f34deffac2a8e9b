"""Conditions: logits that depend on the task."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from core.design.routing.condition.base import CONDITION
from core.model.registry import Registry
from core.model.routing.context import RouteContext


class Condition(nn.Module, ABC):
    """Changes or writes the logits of the score."""

    @abstractmethod
    def forward(self, logits_GE: Tensor, x_GD: Tensor, task_G: Tensor, context: RouteContext) -> Tensor:
        """Logits [G, E] of groups that read x_GD and belong to tasks task_G."""


#: A builder takes (spec, shape).
CONDITIONS: Registry[Condition] = Registry(CONDITION)
