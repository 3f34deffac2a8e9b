"""A trained run as measures see it, and their registry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.analysis.load import load
from core.claims.errors import ClaimError
from core.data.base import Batch, Dataset
from core.design.bodies.moe import Moe
from core.design.spec import Design
from core.model.build import build
from core.model.model import Model
from core.model.passing import Output, Pass
from core.trace.collect import pass_of
from core.trace.newest import newest_trace
from core.trace.record import RoutedLayer, Trace, read
from core.train.evaluate import arranged, evaluate
from core.train.restore import restore

#: Training examples that a gap is measured on, at most.
MOST_TRAINING = 4096


class Subject:
    """The run in `folder`: its trained model, its trace and its data, each loaded when first asked for.

    Everything is measured in evaluation mode at the end of the schedules.
    """

    def __init__(self, folder: Path, dataset: Dataset) -> None:
        self.folder, self.dataset = folder, dataset
        self.design, self.plan, self.model, self.step = restore(folder)

    @property
    def domains(self) -> tuple[str, ...]:
        """Names of the data's domains."""
        return self.dataset.facts.domains

    @property
    def context(self) -> int:
        """S while evaluating."""
        return self.plan.context or self.design.task.tokens

    @cached_property
    def held_out(self) -> list[Batch]:
        """The held-out examples as training evaluates on them."""
        found = self.dataset.held_out(self.plan.evaluate_examples, context=self.context)
        return arranged(self.design, found)

    @cached_property
    def training(self) -> list[Batch]:
        """The first training examples of an epoch, each once."""
        size = min(MOST_TRAINING, max(1, self.dataset.facts.n_train // max(1, self.context_bytes)))
        return [self.dataset.batch(0, seed=self.plan.seed, size=size, context=self.context)]

    @property
    def context_bytes(self) -> int:
        """Bytes of one example where a data set counts bytes, else 1."""
        return self.context if self.dataset.facts.kind == "text" else 1

    @cached_property
    def figures(self) -> dict[str, float]:
        """Held-out figures as `core.train.evaluate` names them, all domains together and each."""
        return self.evaluate(self.model, self.held_out)

    @cached_property
    def training_figures(self) -> dict[str, float]:
        """The same of training examples, all domains together."""
        return self.evaluate(self.model, self.training)

    def evaluate(self, model: Model, batches: Sequence[Batch]) -> dict[str, float]:
        """Figures of a model over some batches."""
        return evaluate(model, batches, self.domains, self.plan.batch, progress=1.0)

    def loss(self, model: Model) -> float:
        """Held-out loss of a model that differs from the trained one in how it routes."""
        return self.evaluate(model, self.held_out)["loss"]

    @cached_property
    def trace(self) -> Trace:
        """The routing of held-out tokens, written when training ended."""
        path = newest_trace(self.folder)
        if path is None:
            raise ClaimError(f"The run {self.folder.name} has no trace, so its routing cannot be measured.")
        return read(path)

    @property
    def hard(self) -> list[RoutedLayer]:
        """Traced layers that select experts."""
        return [layer for layer in self.trace.layers if not layer.soft]

    @property
    def rates(self) -> dict[str, list[float]]:
        """Rows that each expert computes for a token, by the path of a traced layer that selects."""
        tokens = max(1, self.trace.header.tokens)
        loads = {layer.path: load(layer.expert, layer.accepted, layer.experts) for layer in self.hard}
        return {path: (load_E / tokens).tolist() for path, load_E in loads.items()}

    def body(self, path: str) -> Moe:
        """The MoE layer that a traced path names."""
        for place in self.design.occurrences():
            if place.path == path and isinstance(place.body, Moe):
                return place.body
        raise KeyError(path)

    def of_domains(self, prefix: str) -> npt.NDArray[np.bool_]:
        """Which traced tokens [N] are of the domains whose names begin with `prefix`; all for ""."""
        numbers = [n for n, name in enumerate(self.domains) if name.startswith(prefix)]
        if not numbers:
            raise ClaimError(
                f"No domain of {self.dataset.facts.name} begins with {prefix[:40]!r}. To fix this, use the"
                f" beginning of one of: {', '.join(self.domains)}."
            )
        return np.isin(self.trace.tokens.domain, numbers)

    @torch.no_grad()
    def outputs(self, **circumstances: Any) -> list[tuple[Batch, Output]]:
        """The model's outputs for the held-out examples, in pieces of the plan's batch."""
        pieces = (piece for batch in self.held_out for piece in batch.pieces(self.plan.batch))
        return [
            (piece, self.model(torch.from_numpy(piece.inputs), self.passing(piece, **circumstances)))
            for piece in pieces
        ]

    def passing(self, batch: Batch, **circumstances: Any) -> Pass:
        """The circumstances of an evaluation pass."""
        given = {"progress": 1.0, "seed": self.plan.seed, **circumstances}
        return pass_of(batch, len(self.domains), **given)

    def answers(self, **circumstances: Any) -> Tensor:
        """Logits of the first head [N, classes] over all held-out examples, in order."""
        head = self.design.task.heads_out[0].name
        return torch.cat([out.logits[head].flatten(0, -2) for _, out in self.outputs(**circumstances)])

    @cached_property
    def labels(self) -> Tensor:
        """Labels of the first head [N], -1 where missing."""
        head = self.design.task.heads_out[0].name
        return torch.cat([torch.from_numpy(b.targets[head]).flatten() for b in self.held_out])

    def rebuilt(self, design: Design) -> Model:
        """A model of another design with the trained weights that both have."""
        model = build(design, seed=self.plan.seed, execution=self.plan.execution)
        missing, _ = model.load_state_dict(self.model.state_dict(), strict=False)
        if missing:
            raise ClaimError(f"The changed design has weights that were not trained, such as {missing[0]}.")
        return model.eval()


#: (subject, argument) -> value; None where the measure has no value, as the load of a soft mixture.
Measure = Callable[[Subject, str], float | None]
REGISTRY: dict[str, Measure] = {}


def register(name: str) -> Callable[[Measure], Measure]:
    """Give a measure its name, which `core.claims.naming` explains."""

    def add(function: Measure) -> Measure:
        REGISTRY[name] = function
        return function

    return add


def over_layers(values: Sequence[float | None]) -> float | None:
    """The mean over routed layers; None where no layer has the figure."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
