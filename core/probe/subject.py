"""A run's model, loaded and ready to be asked. Torch."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from pydantic import ValidationError
from torch import Tensor

from core.data.base import Batch, Dataset
from core.data.errors import DataError
from core.design.mistakes import fault
from core.design.override import Override, read_preset
from core.design.plan import Plan
from core.design.spec import Design
from core.model.model import Model
from core.model.passing import Pass
from core.probe.errors import ProbeError
from core.probe.registry import question
from core.trace.override import OverrideError, overrides
from core.train.errors import CheckpointError
from core.train.restore import restore

Ints = npt.NDArray[np.int64]
V = TypeVar("V")

#: Values that a subject keeps for the next question.
MOST_KEPT = 128


@dataclass
class Subject:
    """A trained model in eval mode. `data` opens what it was trained on; DataError where that is gone.

    preset: overrides that the run was saved with.
    """

    folder: Path
    design: Design
    plan: Plan
    model: Model
    step: int
    data: Callable[[], Dataset]
    preset: dict[str, Override] = field(default_factory=dict)
    _kept: dict[Hashable, Any] = field(default_factory=dict)

    @property
    def run(self) -> str:
        """The run's id."""
        return self.folder.name

    @property
    def progress(self) -> float:
        """Where schedules are read."""
        return min(1.0, self.step / self.plan.steps) if self.plan.steps else 1.0

    @property
    def context(self) -> int:
        """Tokens of a window of text."""
        return self.plan.context or self.design.task.tokens

    @property
    def size(self) -> int:
        """Bytes of its parameters and buffers."""
        return sum(t.numel() * t.element_size() for t in self.model.state_dict().values())

    @cached_property
    def dataset(self) -> Dataset:
        """What it was trained on. Raises ProbeError."""
        try:
            return self.data()
        except DataError as error:
            raise ProbeError(str(error)) from error

    def once(self, key: Hashable, compute: Callable[[], V]) -> V:
        """What `compute` gives, kept: a page asks the same again for every expert that is clicked."""
        if key not in self._kept:
            while len(self._kept) >= MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = compute()
        found: V = self._kept[key]
        return found

    def held_out(self, domain: str, examples: int | None = None) -> Batch:
        """The fixed held-out examples of a domain, as an evaluation has them. Raises ProbeError."""
        number = self._number(domain)
        wanted = examples or self.plan.evaluate_examples
        whole = self.once(("held_out", wanted), lambda: self.dataset.held_out(wanted, context=self.context))
        for batch in whole:
            if len(batch) and int(batch.domain[0]) == number:
                return batch
        raise ProbeError(
            f"The domain {domain!r} has no held-out examples. To fix this, choose another domain."
        )

    @contextmanager
    def overridden(
        self, wanted: Mapping[str, Override] | None = None, given_T: Mapping[str, Tensor] | None = None
    ) -> Iterator[tuple[str, ...]]:
        """While entered, layers route as the preset says, and those in `wanted` as that says instead; gives
        what had to be left out, in words. Raises ProbeError for overrides that cannot be carried out."""
        given = {**self.preset, **(wanted or {})}
        undone = tuple(
            f"What {self.run} was kept with in layer {path} does not hold here: what is asked takes its"
            " place."
            for path, spec in self.preset.items()
            if given[path] != spec
        )
        try:
            with overrides(self.model, given, given_T) as notes:
                yield (*undone, *notes)
        except OverrideError as error:
            raise ProbeError(str(error)) from error

    def reads_text(self) -> None:
        """Raises ProbeError for a run that reads no text."""
        if self.design.task.kind != "language_model":
            raise ProbeError(
                f"{self.run} reads {self.design.task.kind.replace('_', ' ')} inputs, and this question needs"
                " text. To fix this, choose a run of a language model."
            )

    def passing(self, domain: str | None, examples: int, **circumstances: Any) -> Pass:
        """The circumstances of a pass over `examples` of one domain, the first where none is named.

        Raises ProbeError for a domain that the run does not know.
        """
        number = self._number(domain)
        each_B = torch.full((examples,), number)
        task_B = torch.full((examples,), self.task_of(domain))
        return Pass(
            step=self.step,
            progress=self.progress,
            seed=self.plan.seed,
            task_id=task_B,
            domain=each_B,
            domains=number + 1,
            **circumstances,
        )

    def task_of(self, domain: str | None) -> int:
        """The task that texts of a domain belong to. Raises ProbeError."""
        return min(self._number(domain), len(self.design.task.task_names) - 1)

    def _number(self, domain: str | None) -> int:
        if domain is None:
            return 0
        names = self.dataset.facts.domains
        if domain not in names:
            raise ProbeError(
                f"{self.run} knows no domain {domain[:60]!r}. To fix this, name one of: {', '.join(names)}."
            )
        return names.index(domain)


def load(folder: Path, data: Callable[[], Dataset], step: int | None = None) -> Subject:
    """The newest whole checkpoint of a run's folder, or that of `step`. Raises ProbeError."""
    try:
        design, plan, model, found = restore(folder, step, overridden=True)
        preset = read_preset(folder)
    except (CheckpointError, ValueError) as error:
        raise ProbeError(str(error)) from error
    model.requires_grad_(False)
    return Subject(folder, design, plan, model, found, data, preset)


@torch.no_grad()
def ask(subject: Subject, name: str, payload: dict[str, Any]) -> Any:
    """The answer to a question, one of `core.probe.answers`. Raises ProbeError."""
    module = question(name)
    try:
        wanted = module.Ask.model_validate(payload)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise ProbeError(
            f"The question {name!r} cannot be asked so: {where}: {fault(first)}. To fix this, change {where}."
        ) from error
    return module.answer(subject, wanted)
