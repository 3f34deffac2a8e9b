"""One pass for each task, gradients added (M3ViT, arXiv 2210.14793)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from core.design.plan import PerTaskAccumulate as PerTaskAccumulateSpec
from core.model.passing import Output, Pass
from core.model.routing.record import RoutingRecord
from core.train.errors import TrainingError
from core.train.objective import HeadLoss, head_losses, labelled, targets_of, total
from core.train.objectives.base import (
    OBJECTIVES,
    Objective,
    Outcome,
    Work,
    backward,
    balanced,
    merged,
    sums,
)


@dataclass(frozen=True)
class Share:
    """What one task's pass goes through: rows of the batch, the head it answers (None: all), its weight."""

    task: int
    row_B: Tensor
    head: str | None
    weight: float


@OBJECTIVES.register(PerTaskAccumulateSpec)
class PerTaskAccumulate(Objective):
    """L = sum over tasks of the loss of a pass whose examples are all asked this task.

    Tasks that are heads: a pass is over all examples with a label for the head, and its loss counts in full.
    Tasks that are kinds of examples: each example goes through once, with its own task; a pass counts by
    its share of the batch, so the sum is the loss of `single`. Balancers see one task at a time. Pass t
    draws random numbers of its own.
    """

    def __init__(self, spec: PerTaskAccumulateSpec) -> None:
        pass

    def run(self, work: Work) -> Outcome:
        targets = targets_of(work.batch)
        losses: list[dict[str, float]] = []
        records: list[dict[str, RoutingRecord]] = []
        found: dict[str, HeadLoss] = {}
        for share in _shares(work, targets):
            output, heads = _forward(work, targets, share)
            loss = share.weight * total(heads)
            backward(share.weight * balanced(output, total(heads)))
            parts = {name: share.weight * value.item() for name, value in output.losses.items()}
            losses.append({"loss": loss.item()} | parts)
            records.append(output.records)
            for head in heads:
                _fill(found, head, share, len(work.batch))
        if not losses:
            raise TrainingError(
                "No example of the batch has a label for any task. To fix this, use a larger batch, or data"
                " with more labels."
            )
        return Outcome(sums(losses), list(found.values()), merged(records))


def _shares(work: Work, targets: Mapping[str, Tensor]) -> Iterator[Share]:
    """Tasks that the batch has labels for."""
    names, size = work.model.design.task.task_names, len(work.batch)
    if set(names) == {head.name for head in work.heads}:
        for task, name in enumerate(names):
            (head,) = (head for head in work.heads if head.name == name)
            known = labelled(head, targets[name]).reshape(size, -1).any(1)
            if known.any():
                yield Share(task, torch.nonzero(known)[:, 0], name, 1.0)
        return
    if work.passing.task_id is None:
        raise TrainingError(
            "This plan trains each task by itself, and the batch does not say which task an example belongs"
            " to. To fix this, use data with tasks, or the objective 'single'."
        )
    for task in range(len(names)):
        row_B = torch.nonzero(work.passing.task_id == task)[:, 0]
        if len(row_B):
            yield Share(task, row_B, None, len(row_B) / size)


def _forward(work: Work, targets: Mapping[str, Tensor], share: Share) -> tuple[Output, list[HeadLoss]]:
    heads = [head for head in work.heads if share.head in (None, head.name)]
    output: Output = work.model(work.inputs[share.row_B], _passing(work.passing, share))
    own = {head.name: targets[head.name][share.row_B] for head in heads}
    return output, head_losses(output.logits, own, heads)


def _passing(passing: Pass, share: Share) -> Pass:
    """The circumstances of these rows, all of one task."""
    row_B = share.row_B
    return replace(
        passing,
        task_id=torch.full_like(row_B, share.task),
        mask=None if passing.mask is None else passing.mask[row_B],
        domain=None if passing.domain is None else passing.domain[row_B],
        pass_index=share.task,
    )


def _fill(found: dict[str, HeadLoss], head: HeadLoss, share: Share, size: int) -> None:
    """Put the losses of some rows where they stand in the batch."""
    name, shape = head.head.name, (size, *head.loss.shape[1:])
    if name not in found:
        empty = head.loss.new_zeros(shape), head.labelled.new_zeros(shape)
        found[name] = HeadLoss(head.head, *empty)
    found[name].loss[share.row_B] = head.loss.detach()
    found[name].labelled[share.row_B] = head.labelled
