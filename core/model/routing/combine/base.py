"""Combiners: what kind of decision a layer takes, and how it becomes one output."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn

from core.design.routing.combine.base import COMBINE
from core.model.registry import Registry
from core.model.routing.balance.base import Balancer
from core.model.routing.context import RouteContext
from core.model.routing.decision import Decision
from core.model.routing.router import Router, Scored


class Combiner(nn.Module, ABC):
    """Overrides `forward`, and `decide` where tokens do not choose experts."""

    def decide(
        self, router: Router, scored: Scored, context: RouteContext, balancers: Sequence[Balancer]
    ) -> Decision:
        """From scores to a decision of the type that `forward` takes."""
        return router.choose(scored, context, balancers)

    @abstractmethod
    def forward(self, decision: Decision, context: RouteContext) -> Tensor:
        """y_TD of context.bank and context.x_TD."""


#: A builder takes (spec, execution, shape).
COMBINERS: Registry[Combiner] = Registry(COMBINE)
