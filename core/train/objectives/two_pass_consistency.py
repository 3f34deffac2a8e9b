"""Two passes that route at random, and how far their answers are apart (THOR, arXiv 2110.04260)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from core.design.plan import TwoPassConsistency as TwoPassConsistencySpec
from core.train.objective import HeadLoss, total
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


@OBJECTIVES.register(TwoPassConsistencySpec)
class TwoPassConsistency(Objective):
    """L = L1 + L2 + strength * (KL(p1 || p2) + KL(p2 || p1)) / 2, over the answers that have a label.

    Both passes learn from the divergence. They differ in what is random in the model: pass 0 and pass 1 draw
    from streams of their own. The losses it tells are means of the two passes.
    """

    def __init__(self, spec: TwoPassConsistencySpec) -> None:
        self.strength = spec.strength

    def run(self, work: Work) -> Outcome:
        (one, first), (other, second) = (work.forward(pass_index=index) for index in (0, 1))
        apart = self.strength * divergence(first, one.logits, other.logits)
        both = balanced(one, total(first)) + balanced(other, total(second))
        backward(both + apart)
        halves = [
            {"loss": total(heads).item() / 2} | {n: value.item() / 2 for n, value in output.losses.items()}
            for output, heads in ((one, first), (other, second))
        ]
        heads = [
            replace(a, loss=(a.loss.detach() + b.loss.detach()) / 2)
            for a, b in zip(first, second, strict=True)
        ]
        losses = sums(halves) | {"consistency": apart.item()}
        return Outcome(losses, heads, merged((one.records, other.records)))


def divergence(heads: list[HeadLoss], one: dict[str, Tensor], other: dict[str, Tensor]) -> Tensor:
    """Symmetric Kullback-Leibler divergence of two passes' answers: sum over heads of weight times mean.

    A value counts as the mean of a Gaussian of variance 1/2, whose negative log-likelihood is the squared
    error; then the divergence is the squared difference.
    """
    each = []
    for found in heads:
        name = found.head.name
        apart = _APART[found.head.kind](one[name], other[name]) * found.labelled
        each.append(found.head.weight * apart.sum() / found.labelled.sum().clamp_min(1))
    return torch.stack(each).sum()


def _classes(one: Tensor, other: Tensor) -> Tensor:
    a, b = torch.log_softmax(one, -1), torch.log_softmax(other, -1)
    return 0.5 * ((a.exp() - b.exp()) * (a - b)).sum(-1)


def _binary(one: Tensor, other: Tensor) -> Tensor:
    # The log-odds of two answers are one logit, so both terms of the sum over answers are the same.
    return (0.5 * (torch.sigmoid(one) - torch.sigmoid(other)) * (one - other)).squeeze(-1)


def _value(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).square().squeeze(-1)


_APART: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "classes": _classes,
    "binary": _binary,
    "value": _value,
}
