"""Random experts at evaluation: do two passes agree, and is their average better (arXiv 2110.04260)?"""

from __future__ import annotations

import torch

from core.claims.measures.base import Subject, register

#: Passes whose probabilities are averaged.
ENSEMBLE = 8


@register("disagreement")
def disagreement(subject: Subject, argument: str) -> float | None:
    """Share of the held-out answers that differ between two passes with other random numbers."""
    first, second = (subject.answers(pass_index=n).argmax(-1) for n in range(2))
    return float((first != second).double().mean())


@register("ensemble_accuracy")
def ensemble_accuracy(subject: Subject, argument: str) -> float | None:
    """Accuracy of the mean of the probabilities of several passes, first head."""
    total = sum(torch.softmax(subject.answers(pass_index=n).double(), -1) for n in range(ENSEMBLE))
    assert isinstance(total, torch.Tensor)
    labelled = subject.labels >= 0
    return float((total.argmax(-1) == subject.labels)[labelled].double().mean())
