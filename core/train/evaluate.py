"""The fixed held-out set: loss, bits per byte, accuracy, r2, by domain."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from core.data.base import Batch, mixed
from core.design.spec import Design
from core.design.suited import routers
from core.design.tasks.base import Head
from core.model.model import Model
from core.model.passing import Output
from core.trace.collect import Examples, pass_of
from core.train.objective import HeadLoss, answer_nll, counted, head_losses


class Tally:
    """Sums over answers: loss, labels, right answers, and what r2 needs."""

    def __init__(self) -> None:
        self.labels = self.loss = self.right = self.sum = self.squares = 0.0

    def add(self, found: HeadLoss, logits: Tensor, target: Tensor) -> None:
        """The answers of one head to one batch."""
        self.labels += float(found.labelled.sum())
        self.loss += float(found.loss.double().sum())
        if found.head.kind == "value":
            known = target[found.labelled].double()
            self.sum += float(known.sum())
            self.squares += float(known.square().sum())
        else:
            guess = logits.argmax(-1) if found.head.kind == "classes" else (logits.squeeze(-1) > 0)
            self.right += float(((guess == target) & found.labelled).sum())

    def figures(self, head: Head) -> dict[str, float]:
        """accuracy, or r2 where values differ at all."""
        if not self.labels:
            return {}
        if head.kind != "value":
            return {f"accuracy/{head.name}": self.right / self.labels}
        spread = self.squares - self.sum**2 / self.labels
        return {f"r2/{head.name}": 1 - self.loss / spread} if spread > 1e-12 * self.squares else {}


def arranged(design: Design, batches: Sequence[Batch]) -> list[Batch]:
    """Held-out examples as a design is to meet them.

    A batch of one domain each, unless a router decides over a whole batch, as expert choice and capacities
    do: such a router meets all domains together, as in training, for alone they would compete with their
    like.
    """
    together = any(router.whole_batch for router in routers(design))
    return [mixed(batches)] if batches and together else list(batches)


@torch.no_grad()
def evaluate(
    model: Model, batches: Sequence[Batch], domains: tuple[str, ...], size: int, *, progress: float
) -> dict[str, float]:
    """Figures of the held-out set, all together and by domain; the model is put back as it was.

    `loss` and `loss/<domain>` are the weighted sum over heads of the mean loss. Text adds `bits_per_byte`,
    other data `accuracy/<head>` or `r2/<head>`, each also with `/<domain>`. Examples go through in batches
    of `size`; `progress` is where schedules are read.
    """
    heads, text = model.design.task.heads_out, model.design.task.kind == "language_model"
    everything, each = _tallies(heads), {name: _tallies(heads) for name in domains}
    was_training = model.training
    model.eval()
    for batch in (piece for whole in batches for piece in whole.pieces(size)):
        output = model(torch.from_numpy(batch.inputs), pass_of(batch, len(domains), progress=progress))
        targets = counted(model.design, batch)
        for found in head_losses(output.logits, targets, heads):
            head = found.head.name
            everything[head].add(found, output.logits[head], targets[head])
            for number in np.unique(batch.domain):
                rows_B = torch.from_numpy(batch.domain == number)
                some = (found.of(rows_B), output.logits[head][rows_B], targets[head][rows_B])
                each[domains[number]][head].add(*some)
    model.train(was_training)
    figures = _figures(everything, heads, text)
    for name, tallies in each.items():
        figures |= {f"{key}/{name}": value for key, value in _figures(tallies, heads, text).items()}
    return figures


def nll_of(model: Model, output: Output, batch: Examples) -> Tensor:
    """The loss of each answer of a batch, for a trace."""
    return answer_nll(head_losses(output.logits, counted(model.design, batch), model.design.task.heads_out))


def _tallies(heads: Sequence[Head]) -> defaultdict[str, Tally]:
    return defaultdict(Tally, {head.name: Tally() for head in heads})


def _figures(tallies: dict[str, Tally], heads: Sequence[Head], text: bool) -> dict[str, float]:
    answered = [(head, tallies[head.name]) for head in heads if tallies[head.name].labels]
    if not answered:
        return {}
    loss = sum(head.weight * tally.loss / tally.labels for head, tally in answered)
    figures = {"loss": loss}
    if text:
        return figures | {"bits_per_byte": loss / math.log(2)}
    for head, tally in answered:
        figures |= tally.figures(head)
    return figures
