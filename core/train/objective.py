"""Losses of heads. B examples, S tokens, N domains. Missing labels (-1, NaN) count nowhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from core.design.tasks.base import Head
from core.trace.collect import Examples


@dataclass(frozen=True)
class HeadLoss:
    """Loss and label of each answer of a head, [B, S] for a language model, [B] else; 0 where missing."""

    head: Head
    loss: Tensor
    labelled: Tensor

    def mean(self) -> Tensor:
        """Mean over labelled answers; 0 if there are none."""
        return self.loss.sum() / self.labelled.sum().clamp_min(1)

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


def _head_loss(head: Head, logits: Tensor, target: Tensor) -> HeadLoss:
    if head.kind == "classes":
        loss = F.cross_entropy(logits.flatten(0, -2), target.reshape(-1), ignore_index=-1, reduction="none")
        return HeadLoss(head, loss.view_as(target), target >= 0)
    answer = logits.squeeze(-1)
    labelled = ~target.isnan()
    known = torch.where(labelled, target, torch.zeros_like(target))
    measure = F.binary_cross_entropy_with_logits if head.kind == "binary" else F.mse_loss
    loss = measure(answer, known, reduction="none")
    return HeadLoss(head, loss * labelled, labelled)


def answer_nll(losses: Sequence[HeadLoss]) -> Tensor:
    """Weighted loss of each answer, [B, S] or [B]; NaN where no head has a label."""
    loss = torch.stack([head.head.weight * head.loss for head in losses]).sum(0)
    labelled = torch.stack([head.labelled for head in losses]).any(0)
    return loss.masked_fill(~labelled, torch.nan)
