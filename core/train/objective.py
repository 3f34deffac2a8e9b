"""Losses of heads. B examples, S tokens, N domains. Missing labels (-1, NaN) count nowhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from core.design.spec import Design
from core.design.suited import routes_by_task
from core.design.tasks.base import Head
from core.trace.collect import Examples


@dataclass(frozen=True)
class HeadLoss:
    """Loss and label of each answer of a head, [B, S] where tokens have labels, [B] else; 0 where missing."""

    head: Head
    loss: Tensor
    labelled: Tensor

    def mean(self) -> Tensor:
        """Mean over labelled answers; 0 if there are none."""
        return self.loss.sum() / self.labelled.sum().clamp_min(1)

    def of(self, rows_B: Tensor) -> HeadLoss:
        """Those of some examples, bool [B]."""
        return HeadLoss(self.head, self.loss[rows_B], self.labelled[rows_B])

    def by_example(self) -> tuple[Tensor, Tensor]:
        """(sum of losses, labelled answers) of each example, [B] both."""
        return self.loss.detach().reshape(len(self.loss), -1).sum(1), self.labelled.reshape(
            len(self.loss), -1
        ).sum(1)


def head_losses(
    logits: Mapping[str, Tensor], targets: Mapping[str, Tensor], heads: Sequence[Head]
) -> list[HeadLoss]:
    """Cross entropy of classes and binary answers in nats, squared error of values."""
    return [_head_loss(head, logits[head.name], targets[head.name]) for head in heads]


def total(losses: Sequence[HeadLoss]) -> Tensor:
    """Sum over heads of weight times mean loss."""
    return torch.stack([head.head.weight * head.mean() for head in losses]).sum()


def targets_of(batch: Examples) -> dict[str, Tensor]:
    """The labels of a batch as tensors."""
    return {name: torch.from_numpy(target) for name, target in batch.targets.items()}


def counted(design: Design, batch: Examples) -> dict[str, Tensor]:
    """The labels of a batch that count for a design.

    All of them, unless one of its routers reads the task: then an example answers the question it is asked,
    and its labels for other heads count as missing. A head that is no task keeps its labels.
    """
    targets, names = targets_of(batch), design.task.task_names
    if batch.task_id is None or not routes_by_task(design):
        return targets
    task_B = torch.from_numpy(batch.task_id)
    for head in design.task.heads_out:
        if head.name in names:
            missing = -1 if head.kind == "classes" else torch.nan
            target = targets[head.name]
            others = (task_B != names.index(head.name)).view(-1, *[1] * (target.dim() - 1))
            targets[head.name] = target.masked_fill(others, missing)
    return targets


def labelled(head: Head, target: Tensor) -> Tensor:
    """Which labels of a head are there."""
    return target >= 0 if head.kind == "classes" else ~target.isnan()


def _head_loss(head: Head, logits: Tensor, target: Tensor) -> HeadLoss:
    if head.kind == "classes":
        loss = F.cross_entropy(logits.flatten(0, -2), target.reshape(-1), ignore_index=-1, reduction="none")
        return HeadLoss(head, loss.view_as(target), labelled(head, target))
    answer, there = logits.squeeze(-1), labelled(head, target)
    known = torch.where(there, target, torch.zeros_like(target))
    measure = F.binary_cross_entropy_with_logits if head.kind == "binary" else F.mse_loss
    loss = measure(answer, known, reduction="none")
    return HeadLoss(head, loss * there, there)


def answer_nll(losses: Sequence[HeadLoss]) -> Tensor:
    """Weighted loss of each answer, [B, S] or [B]; NaN where no head has a label."""
    loss = torch.stack([head.head.weight * head.loss for head in losses]).sum(0)
    known = torch.stack([head.labelled for head in losses]).any(0)
    return loss.masked_fill(~known, torch.nan)
