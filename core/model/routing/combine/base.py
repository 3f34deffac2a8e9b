"""Combiners: what kind of decision a layer takes, and how it becomes one output."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
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


def way_and_type(execution: str) -> tuple[str, torch.dtype | None]:
    """How experts run, and the type of their products if not that of what they read: `sparse/bfloat16`."""
    way, _, dtype = execution.partition("/")
    return way, getattr(torch, dtype) if dtype else None


def multiplied_in(dtype: torch.dtype | None, x: Tensor) -> AbstractContextManager[object]:
    """Inside, matrix products of x have this type, by ordinary autograd; None leaves them as they are."""
    return nullcontext() if dtype in (None, x.dtype) else torch.autocast(x.device.type, dtype)


#: A builder takes (spec, execution, shape).
COMBINERS: Registry[Combiner] = Registry(COMBINE)
