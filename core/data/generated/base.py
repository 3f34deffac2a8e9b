"""What every generated data set is: a name, its heads and domains, and numbers drawn from a fixed seed.

Domains are named `group-number`, so that the beginning of a name stands for all of its group.
N examples, F features.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np

from core.data.base import Ints
from core.data.examples import ExampleData, Examples
from core.design.facts import DataFacts, DataKind
from core.design.tasks.base import Head

#: Leading word of each generator's seed, so that no two data sets share a stream.
SEED = 40


@dataclass(frozen=True)
class Generated(ABC):
    """A data set that is drawn when it is opened: the same numbers every time.

    Training and held-out examples are drawn apart, so none is in both.
    """

    name: str
    title: str
    summary: str
    n_train: int = 65_536
    n_held_out: int = 8_192
    kind: ClassVar[DataKind] = "table"
    tokens: ClassVar[int] = 1
    labels: ClassVar[Literal["example", "token"]] = "example"

    @property
    @abstractmethod
    def domains(self) -> tuple[str, ...]:
        """Names of the domains."""

    @property
    @abstractmethod
    def heads(self) -> tuple[Head, ...]:
        """The questions about each example."""

    @abstractmethod
    def draw(self) -> Examples:
        """All examples, training ones first, with the task of each."""

    def open(self) -> ExampleData:
        """The data set, drawn once a process."""
        return _opened(self)

    @property
    def held(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Which examples [N] are held out: the last."""
        return np.arange(self.n_train + self.n_held_out) >= self.n_train


def take_turns(count: int, size: int) -> Ints:
    """`size` numbers below `count`, each as often as the others: 0, 1, ..., 0, 1, ..."""
    return np.arange(size, dtype=np.int64) % count


@lru_cache(maxsize=8)
def _opened(made: Generated) -> ExampleData:
    examples = made.draw()
    height, width, channels = examples.inputs.shape[1:] if made.kind == "image" else (0, 0, 0)
    facts = DataFacts(
        name=made.name,
        kind=made.kind,
        title=made.title,
        domains=made.domains,
        heads=made.heads,
        height=height,
        width=width,
        channels=channels,
        features=examples.inputs.shape[1] if made.kind == "table" else 0,
        tokens_per_example=made.tokens,
        labels=made.labels,
        has_task_id=True,
        n_train=made.n_train,
        n_held_out=made.n_held_out,
    )
    columns = [f"x{i + 1}" for i in range(facts.features)]
    return ExampleData(facts, examples, columns=columns)
