"""Examples of a fixed size, images and rows of tables, with one or more heads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from core.data.base import (
    EPOCH,
    EVALUATE,
    TRAIN,
    Array,
    Batch,
    Dataset,
    Fingerprint,
    Ints,
    draw_domains,
    weights_of,
)
from core.data.errors import DataError, listing
from core.design.facts import DataFacts

HELD_OUT = 0.2


@dataclass(frozen=True)
class Examples:
    """All examples, training and held-out. `inputs` are multiplied by `scale` when they are handed out.

    `task` is the question each example is asked, where the data say so; else it is drawn.
    """

    inputs: Array
    targets: Mapping[str, Array]
    domain: Ints
    held_out: npt.NDArray[np.bool_]
    scale: float = 1.0
    task: Ints | None = None

    def arrays(self) -> dict[str, Array]:
        """Every array by a name, for a file or a fingerprint."""
        named = {"inputs": self.inputs, "domain": self.domain, "held_out": self.held_out}
        named["scale"] = np.array(self.scale)
        if self.task is not None:
            named["task"] = self.task
        return named | {f"target.{head}": target for head, target in self.targets.items()}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Array]) -> Examples:
        """What `arrays` wrote."""
        heads = [name for name in arrays if name.startswith("target.")]
        targets = {name.removeprefix("target."): arrays[name] for name in heads}
        scale, task = float(arrays["scale"]), arrays.get("task")
        return cls(arrays["inputs"], targets, arrays["domain"], arrays["held_out"], scale, task)


class ExampleData(Dataset):
    """Images or rows. Without a mixture each epoch shows every training example once, in a seeded order.

    Facts without a fingerprint get that of the data.
    """

    def __init__(
        self,
        facts: DataFacts,
        examples: Examples,
        *,
        notes: Iterable[str] = (),
        scales: Mapping[str, tuple[float, float]] | None = None,
        classes: Mapping[str, tuple[str, ...]] | None = None,
        columns: Iterable[str] = (),
    ) -> None:
        self.facts = facts
        self.examples = examples
        self.notes = tuple(notes)
        self.scales = dict(scales or {})
        self.classes = dict(classes or {})
        self.columns = tuple(columns)
        self.facts = facts.model_copy(update={"fingerprint": facts.fingerprint or self.fingerprint()})
        self._train = np.flatnonzero(~examples.held_out)
        self._epoch = lru_cache(maxsize=2)(self._shuffle)

    def batch(
        self, step: int, *, seed: int, size: int, context: int, mixture: Mapping[str, float] | None = None
    ) -> Batch:
        rng = np.random.default_rng([TRAIN, seed, step])
        if mixture:
            row_B = self._mixed(rng, weights_of(mixture, self.facts.domains), size)
        else:
            epoch_B, at_B = np.divmod(step * size + np.arange(size), len(self._train))
            epochs = np.unique(epoch_B)
            row_B = np.concatenate([self._epoch(seed, int(e))[at_B[epoch_B == e]] for e in epochs])
        batch = self._read(row_B)
        if self.facts.has_task_id and batch.task_id is None:
            batch = replace(batch, task_id=rng.integers(len(self.facts.task_names), size=size))
        return batch

    def held_out(self, examples_per_domain: int, *, context: int, seed: int = 0) -> list[Batch]:
        batches = []
        for domain in range(len(self.facts.domains)):
            rows = np.flatnonzero(self.examples.held_out & (self.examples.domain == domain))
            if len(rows):
                rng = np.random.default_rng([EVALUATE, seed, domain])
                batch = self._read(np.sort(rng.permutation(rows)[:examples_per_domain]))
                if self.facts.has_task_id and batch.task_id is None:
                    batch = replace(batch, task_id=np.arange(len(batch)) % len(self.facts.task_names))
                batches.append(batch)
        return batches

    def sizes(self) -> dict[str, int]:
        counts = np.bincount(self.examples.domain, minlength=len(self.facts.domains)).tolist()
        return dict(zip(self.facts.domains, counts, strict=True))

    def fingerprint(self) -> str:
        """sha256 over all arrays, the split included, and over what the numbers mean."""
        meaning = {
            "domains": self.facts.domains,
            "heads": [head.model_dump() for head in self.facts.heads],
            "scales": self.scales,
            "classes": self.classes,
            "columns": self.columns,
        }
        print_ = Fingerprint().add("meaning", json.dumps(meaning, sort_keys=True).encode())
        for name, array in sorted(self.examples.arrays().items()):
            print_.add(name, array)
        return print_.hex()

    def _mixed(self, rng: np.random.Generator, weights: npt.NDArray[np.float64], size: int) -> Ints:
        domain_B = draw_domains(rng, weights, size)
        chance_B = rng.random(size)
        row_B = np.zeros(size, np.int64)
        for domain in np.flatnonzero(weights):
            rows = self._train[self.examples.domain[self._train] == domain]
            if not len(rows):
                raise DataError(
                    f"The domain {self.facts.domains[domain]!r} has no training examples.",
                    "The mixture gives it a weight.",
                    "leave it out of the mixture.",
                )
            here = domain_B == domain
            row_B[here] = rows[(chance_B[here] * len(rows)).astype(np.int64)]
        return row_B

    def _shuffle(self, seed: int, epoch: int) -> Ints:
        return np.random.default_rng([EPOCH, seed, epoch]).permutation(self._train)

    def _read(self, row_B: Ints) -> Batch:
        data = self.examples
        return Batch(
            inputs=data.inputs[row_B].astype(np.float32) * np.float32(data.scale),
            targets={head: target[row_B] for head, target in data.targets.items()},
            domain=data.domain[row_B].astype(np.int16),
            origin=row_B,
            task_id=None if data.task is None else data.task[row_B],
        )


def stratified_split(stratum: Ints, *, share: float = HELD_OUT, seed: int = 0) -> npt.NDArray[np.bool_]:
    """Which rows are held out: `share` of each stratum, at least one of each that has two rows or more."""
    held_out = np.zeros(len(stratum), np.bool_)
    rng = np.random.default_rng([EVALUATE, seed])
    for value in np.unique(stratum):
        rows = rng.permutation(np.flatnonzero(stratum == value))
        held_out[rows[: max(int(len(rows) > 1), round(share * len(rows)))]] = True
    return held_out


def need_examples(
    class_names: tuple[str, ...], class_of: Ints, what: str, *, each: int = 2, total: int = 10
) -> None:
    """Refuse labels that cannot be split or tell nothing. Missing labels are -1.

    Raises:
        DataError: fewer than two classes, a class with fewer than `each` examples, or fewer than
            `total` in all.
    """
    counts = np.bincount(class_of[class_of >= 0], minlength=len(class_names))
    if len(class_names) < 2:
        raise DataError(
            f"{what} has one class only: {listing(class_names)}.",
            "A classifier needs at least two to tell apart.",
            "add examples of another class, or choose another target.",
        )
    rare = [name for name, count in zip(class_names, counts, strict=True) if count < each]
    if rare:
        raise DataError(
            f"{what} has classes with fewer than {each} examples: {listing(rare)}.",
            "Each class needs one example to train on and one to evaluate on.",
            "add examples of these classes, or leave them out.",
        )
    if counts.sum() < total:
        raise DataError(
            f"{what} has {counts.sum()} labelled examples.",
            f"That is fewer than the {total} needed to split them.",
            "add more examples.",
        )
