"""Loss, accuracy and the gap between training and held-out examples."""

from __future__ import annotations

import numpy as np

from core.claims.measures.base import Subject, register


def _first(subject: Subject, argument: str) -> str:
    return argument or subject.design.task.heads_out[0].name


@register("loss")
def loss(subject: Subject, argument: str) -> float | None:
    """Held-out loss, or its mean over the domains whose names begin with the argument."""
    if not argument:
        return subject.figures["loss"]
    figures = subject.figures
    names = [f"loss/{name}" for name in subject.domains if name.startswith(argument)]
    known = [figures[name] for name in names if name in figures]
    return float(np.mean(known)) if known else None


@register("accuracy")
def accuracy(subject: Subject, argument: str) -> float | None:
    """Share of right held-out answers."""
    return subject.figures.get(f"accuracy/{_first(subject, argument)}")


@register("r2")
def r2(subject: Subject, argument: str) -> float | None:
    """Explained share of the variance."""
    return subject.figures.get(f"r2/{_first(subject, argument)}")


@register("bits_per_byte")
def bits_per_byte(subject: Subject, argument: str) -> float | None:
    """For text."""
    return subject.figures.get("bits_per_byte")


@register("train_loss")
def train_loss(subject: Subject, argument: str) -> float | None:
    """Loss on examples that were trained on."""
    return subject.training_figures["loss"]


@register("train_accuracy")
def train_accuracy(subject: Subject, argument: str) -> float | None:
    """Accuracy on examples that were trained on."""
    return subject.training_figures.get(f"accuracy/{_first(subject, argument)}")


@register("loss_gap")
def loss_gap(subject: Subject, argument: str) -> float | None:
    """How much higher the loss is on unseen examples."""
    return subject.figures["loss"] - subject.training_figures["loss"]


@register("gap")
def gap(subject: Subject, argument: str) -> float | None:
    """How much more often answers are right on examples that were trained on."""
    seen, unseen = train_accuracy(subject, argument), accuracy(subject, argument)
    return None if seen is None or unseen is None else seen - unseen
