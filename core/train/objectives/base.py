"""What all objectives share: a step's work, and what they answer."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import Any

import torch
from torch import Tensor

from core.data.base import Batch
from core.design.plan import OBJECTIVE
from core.design.tasks.base import Head
from core.model.model import Model
from core.model.passing import Output, Pass
from core.model.registry import Registry
from core.model.routing.record import RoutingRecord
from core.train.errors import NotFiniteError, TrainingError, spelled
from core.train.objective import HeadLoss, counted, head_losses


@dataclass(frozen=True)
class Work:
    """A batch, the model it goes through, and the circumstances."""

    model: Model
    batch: Batch
    passing: Pass

    @property
    def heads(self) -> tuple[Head, ...]:
        """The design's heads."""
        return self.model.design.task.heads_out

    @cached_property
    def inputs(self) -> Tensor:
        return torch.from_numpy(self.batch.inputs)

    @cached_property
    def targets(self) -> Mapping[str, Tensor]:
        """The labels that count."""
        return counted(self.model.design, self.batch)

    def forward(self, **circumstances: Any) -> tuple[Output, list[HeadLoss]]:
        """One pass over the batch, with some circumstances changed."""
        output: Output = self.model(self.inputs, replace(self.passing, **circumstances))
        return output, head_losses(output.logits, self.targets, self.heads)


@dataclass(frozen=True)
class Outcome:
    """What a step's passes found; gradients lie in the parameters.

    losses: `loss` of the task, comparable between objectives, and every other part by name, as it counts.
    heads: each head's loss over the whole batch. records: by path, counts of all passes.
    """

    losses: dict[str, float]
    heads: list[HeadLoss]
    records: dict[str, RoutingRecord]


class Objective(ABC):
    """Overrides `run`: forward and backward passes that leave one gradient."""

    @abstractmethod
    def run(self, work: Work) -> Outcome:
        """Add this batch's gradient to the parameters'. Raises NotFiniteError and TrainingError."""


#: A builder takes (spec).
OBJECTIVES: Registry[Objective] = Registry(OBJECTIVE)


def backward(loss: Tensor) -> None:
    """Add the gradient of `loss`. Raises NotFiniteError, and TrainingError where nothing learns from it."""
    if not math.isfinite(loss.item()):
        raise NotFiniteError(f"Loss became {spelled(loss.item())}")
    if not loss.requires_grad:
        raise TrainingError(
            "Nothing that the plan leaves to train has a share in the loss. To fix this, freeze fewer"
            " parameters."
        )
    loss.backward()


def balanced(output: Output, loss: Tensor) -> Tensor:
    """A loss and the balancers of its pass."""
    return sum(output.losses.values(), start=loss)


def sums(many: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Numbers under the same name added up."""
    names = {name: None for each in many for name in each}
    return {name: sum(each.get(name, 0.0) for each in many) for name in names}


def merged(many: Sequence[Mapping[str, RoutingRecord]]) -> dict[str, RoutingRecord]:
    """Counts of several passes through the same layers, added up."""
    return {path: reduce(_added, [each[path] for each in many]) for path in many[0]}


def _added(one: RoutingRecord, other: RoutingRecord) -> RoutingRecord:
    return replace(
        one,
        counts_E=_both(one.counts_E, other.counts_E),
        selected_E=_both(one.selected_E, other.selected_E),
        tokens=one.tokens + other.tokens,
        counts_NE=_both(one.counts_NE, other.counts_NE),
        share_NE=_both(one.share_NE, other.share_NE),
    )


def _both(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    """The sum; a soft layer has none."""
    return None if one is None or other is None else one + other
