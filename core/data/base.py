"""Batches, and what every data set can do: a batch of any step, and a fixed evaluation set.

B examples, S tokens per example, F features, N domains.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any

import numpy as np
import numpy.typing as npt

from core.data.errors import DataError, listing, shorten
from core.design.facts import DataFacts

Array = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]

#: Leading word of each generator's seed, so that no two uses share a stream.
TRAIN, EVALUATE, EPOCH = 1, 2, 3


@dataclass(frozen=True)
class Batch:
    """Examples as NumPy arrays.

    `inputs`: text int64 [B, S]; image float32 [B, H, W, C], in [0, 1] unless generated; table float32
    [B, F].
    `targets` by head: text {"next": int64 [B, S]}; classes int64 [B], -1 = missing; binary and value
    float32 [B], NaN = missing. `domain` int16 [B] indexes `DataFacts.domains`. `origin` int64 [B] is where
    the example stands in its domain's stream (text, bytes) or its row (image, table). `task_id` int64 [B]
    indexes `DataFacts.task_names`, where facts say so: the question an example is asked, which may be one of
    several that its targets answer, or the only one.
    """

    inputs: Array
    targets: Mapping[str, Array]
    domain: npt.NDArray[np.int16]
    origin: Ints
    task_id: Ints | None = None

    def __len__(self) -> int:
        return len(self.domain)

    def __getitem__(self, rows: slice) -> Batch:
        """Some of the examples."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        values["targets"] = {head: target[rows] for head, target in self.targets.items()}
        for name in ("inputs", "domain", "origin", "task_id"):
            values[name] = None if values[name] is None else values[name][rows]
        return Batch(**values)

    def pieces(self, size: int) -> Iterator[Batch]:
        """The same examples in batches of at most `size`."""
        for start in range(0, len(self), size):
            yield self[start : start + size]


def mixed(batches: Sequence[Batch], seed: int = 0) -> Batch:
    """The examples of several batches as one, shuffled: what training batches look like."""
    order = np.random.default_rng([EVALUATE, seed]).permutation(sum(map(len, batches)))

    def put(arrays: Iterable[Array]) -> Array:
        return np.concatenate(list(arrays))[order]

    first = batches[0]
    return Batch(
        inputs=put(batch.inputs for batch in batches),
        targets={name: put(batch.targets[name] for batch in batches) for name in first.targets},
        domain=put(batch.domain for batch in batches),
        origin=put(batch.origin for batch in batches),
        task_id=None if first.task_id is None else put(b.task_id for b in batches if b.task_id is not None),
    )


class Dataset(ABC):
    """Examples to train on and a held-out part that no training batch ever touches.

    `notes` say in words what was left out or filled in. `scales` are (mean, deviation) of each value head,
    whose targets are standardised. `classes` are the names of each class head's classes.
    """

    facts: DataFacts
    notes: tuple[str, ...] = ()
    scales: Mapping[str, tuple[float, float]] = {}
    classes: Mapping[str, tuple[str, ...]] = {}
    columns: tuple[str, ...] = ()

    @abstractmethod
    def batch(
        self, step: int, *, seed: int, size: int, context: int, mixture: Mapping[str, float] | None = None
    ) -> Batch:
        """The batch of a step: a pure function of (seed, step) and the other arguments.

        `context` is S for text; examples of other kinds have their own size. `mixture` weighs domains;
        without it text domains are equal, and all examples of other kinds are.

        Raises:
            DataError: the mixture names an unknown domain or has no weight, or no file is as long as
                a window.
        """

    @abstractmethod
    def held_out(self, examples_per_domain: int, *, context: int, seed: int = 0) -> list[Batch]:
        """The fixed evaluation set: one batch for each domain that has held-out examples, in domain order.

        The same on every call. A domain with fewer examples than asked for gives all it has.
        """

    @abstractmethod
    def sizes(self) -> dict[str, int]:
        """Bytes of text, or examples, of each domain, held-out ones included."""


def offering_tasks(facts: DataFacts) -> DataFacts:
    """The facts with task ids where there is something to tell apart: several heads, or domains of text."""
    several = len(facts.heads) > 1 or (facts.kind == "text" and len(facts.domains) > 1)
    return facts.model_copy(update={"has_task_id": facts.has_task_id or several})


def weights_of(mixture: Mapping[str, float] | None, domains: tuple[str, ...]) -> npt.NDArray[np.float64]:
    """Shares [N] of the domains, summing to 1. Without a mixture all are equal; a domain left out has none.

    Raises:
        DataError: an unknown domain, a weight that is negative or not finite, or no weight at all.
    """
    if not mixture:
        return np.full(len(domains), 1 / max(1, len(domains)))
    for name, weight in mixture.items():
        if name not in domains:
            near = get_close_matches(name, domains, n=1)
            hint = f"write {shorten(near[0])}." if near else f"use some of {listing(domains)}."
            raise DataError(
                f"The mixture names the domain {shorten(name)}.", "This data has no such domain.", hint
            )
        if not np.isfinite(weight) or weight < 0:
            raise DataError(
                f"The weight of {shorten(name)} is {weight}.",
                "A weight is a share of the batch.",
                "use a number that is 0 or more.",
            )
    weights = np.array([float(mixture.get(name, 0.0)) for name in domains])
    total = float(weights.sum())
    if not total > 0:
        raise DataError(
            "All weights of the mixture are 0.",
            "Nothing is left to train on.",
            "give one domain a weight above 0.",
        )
    shares: npt.NDArray[np.float64] = weights / total
    return shares


def draw_domains(rng: np.random.Generator, weights: npt.NDArray[np.float64], size: int) -> Ints:
    """Domain of each of `size` examples: systematic sampling, so counts are within 1 of `weights * size`."""
    shares = np.cumsum(weights)
    points = np.minimum((rng.random() + np.arange(size)) / size, np.nextafter(1.0, 0.0))
    drawn = np.searchsorted(shares / shares[-1], points, side="right")
    return rng.permutation(drawn).astype(np.int64)


class Fingerprint:
    """sha256 over named parts, each with its length, so that no two lists of parts collide."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256(b"moe-studio data 1\n")

    def add(self, name: str, data: bytes | memoryview | Array) -> Fingerprint:
        if isinstance(data, np.ndarray):
            name = f"{name} {data.dtype.str} {data.shape}"
            data = np.ascontiguousarray(data).tobytes()
        self._sha.update(f"{len(name)}:{name}{len(data)}:".encode())
        self._sha.update(data)
        return self

    def hex(self) -> str:
        """64 hexadecimal digits."""
        return self._sha.hexdigest()
