"""Does an exported model do what ours does? Outputs and routing side by side, layer by layer. NumPy only.

Arithmetic in another order may choose another expert where two were as good as equal. Such a near tie is
declared by a fixed tolerance, never by the error that was measured: a wrong router would excuse itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Verdict = Literal["PASS", "PASS with near-tie flips", "FAIL"]

#: What selection compared is a near tie within this.
TIE = 1e-5
#: Largest error of a probability.
PROBABILITY = 1e-5
#: Largest error of a logit, times max(1, largest logit).
LOGIT = 1e-5


@dataclass(frozen=True)
class Routing:
    """One layer's decisions: expert [B, S, K] accepted, -1 = none; probability [B, S, E].

    margin [B, S], of our side only: by how much the decision was made. shared_fate: whether one token's
    choice can take another's place (capacity).
    """

    expert: Array
    probability: Array
    margin: Array | None = None
    shared_fate: bool = False


@dataclass(frozen=True)
class Seen:
    """What came out for one batch: logits by head, [B, S, V] or [B, outputs]; routing by path, in order."""

    logits: Mapping[str, Array]
    routing: Mapping[str, Routing]


@dataclass(frozen=True)
class LayerParity:
    """One routed layer over all batches.

    near_tie: tokens whose experts differ at a near tie; downstream: differ after an earlier flip that they
    could see; hard: differ for no such reason. probability_error: on tokens that saw no flip.
    unequal_weights: names of parameters that are not ours bit by bit.
    """

    path: str
    tokens: int = 0
    same_set: int = 0
    same_order: int = 0
    near_tie: int = 0
    downstream: int = 0
    hard: int = 0
    probability_error: float = 0.0
    smallest_margin: float = float("inf")
    unequal_weights: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        return bool(self.hard or self.unequal_weights or not self.probability_error <= PROBABILITY)


@dataclass(frozen=True)
class Parity:
    """The whole comparison. error, bound: largest error of a logit and what is allowed, on tokens that saw no
    flip; error_all: on all. agreement: share of answers with the same largest logit."""

    layers: tuple[LayerParity, ...]
    batches: int
    answers: int
    error: float
    error_all: float
    bound: float
    largest_logit: float
    agreement: float
    unequal_weights: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """PASS needs equal weights, no hard flip, probabilities and logits within tolerance."""
        if self.unequal_weights or not self.error <= self.bound or any(layer.failed for layer in self.layers):
            return "FAIL"
        return "PASS with near-tie flips" if any(layer.near_tie for layer in self.layers) else "PASS"

    @property
    def passed(self) -> bool:
        return self.verdict != "FAIL"

    def as_json(self) -> dict[str, Any]:
        """All figures; an infinite margin, where nothing was left out, is null."""
        told = asdict(self) | {"verdict": self.verdict, "tolerance": TIE}
        for layer in told["layers"]:
            if not np.isfinite(layer["smallest_margin"]):
                layer["smallest_margin"] = None
        return told


def compare(
    pairs: Sequence[tuple[Seen, Seen]], *, causal: bool, unequal_weights: Mapping[str, tuple[str, ...]]
) -> Parity:
    """Our results and theirs, batch by batch.

    causal: a flip is seen by later tokens of its sequence only, else by the whole example.
    unequal_weights: names by the path of the routed layer, those of other places under "".
    """
    layers: dict[str, LayerParity] = {}
    errors: list[Array] = []
    clean: list[Array] = []
    answers = agreed = 0
    largest = 0.0
    for ours, theirs in pairs:
        tainted = _compare_routing(layers, ours, theirs, causal)
        for head, logits in ours.logits.items():
            error = np.abs(logits.astype(np.float64) - theirs.logits[head]).max(-1)
            errors.append(_finite(error).ravel())
            clean.append(_saw_no_flip(tainted, error.shape).ravel())
            largest = max(largest, float(np.abs(logits).max(initial=0.0)))
            answers += error.size
            agreed += int((logits.argmax(-1) == theirs.logits[head].argmax(-1)).sum())
    error = np.concatenate([np.zeros(0), *errors])
    seen = np.concatenate([np.zeros(0, bool), *clean])
    return Parity(
        layers=tuple(
            replace(layer, unequal_weights=unequal_weights.get(path, ())) for path, layer in layers.items()
        ),
        batches=len(pairs),
        answers=answers,
        error=float(error[seen].max(initial=0.0)),
        error_all=float(error.max(initial=0.0)),
        bound=LOGIT * max(1.0, largest),
        largest_logit=largest,
        agreement=agreed / max(1, answers),
        unequal_weights=unequal_weights.get("", ()),
    )


def _finite(error: Array) -> Array:
    """What is not a number equals nothing: the largest number stands for it, which JSON can hold."""
    return np.nan_to_num(error, nan=np.finfo(np.float64).max)


def _saw_no_flip(tainted: Array | None, answers: tuple[int, ...]) -> Array:
    """Of the answers [B, S] or [B], those that no flip could reach."""
    if tainted is None:
        return np.ones(answers, bool)
    flipped: Array = tainted if len(answers) == 2 else np.logical_or.reduce(tainted, axis=1)
    return ~flipped


def _compare_routing(layers: dict[str, LayerParity], ours: Seen, theirs: Seen, causal: bool) -> Array | None:
    """Adds a batch to every layer; tokens [B, S] that saw a flip, None if nothing is routed."""
    tainted: Array | None = None
    for path, mine in ours.routing.items():
        other = theirs.routing[path]
        if tainted is None:
            tainted = np.zeros(mine.expert.shape[:2], bool)
        before = layers.get(path, LayerParity(path))
        layers[path], flipped = _compare_layer(before, mine, other, tainted)
        if mine.shared_fate and flipped.any():
            tainted = np.ones_like(tainted)
        elif causal:
            tainted = tainted | np.logical_or.accumulate(flipped, axis=1)
        else:
            tainted = tainted | flipped.any(1, keepdims=True)
    return tainted


def _widened(expert: Array, columns: int) -> Array:
    """With columns of -1, none, behind its own."""
    return np.pad(expert, ((0, 0), (0, 0), (0, columns - expert.shape[-1])), constant_values=-1)


def _compare_layer(
    before: LayerParity, mine: Routing, other: Routing, tainted: Array
) -> tuple[LayerParity, Array]:
    assert mine.margin is not None
    # Where tokens take unequal numbers of experts, a file has a column for each; we keep those in use.
    columns = max(mine.expert.shape[-1], other.expert.shape[-1])
    here, there = (_widened(routing.expert, columns) for routing in (mine, other))
    same = (np.sort(here, -1) == np.sort(there, -1)).all(-1)
    error = np.abs(mine.probability.astype(np.float64) - other.probability).max(-1)
    error = _finite(error)
    near = ~same & ~tainted & (mine.margin <= TIE)
    fate = bool(mine.shared_fate and near.any())
    downstream = ~same & ~near & (tainted | fate)
    hard = ~same & ~near & ~downstream
    after = replace(
        before,
        tokens=before.tokens + same.size,
        same_set=before.same_set + int(same.sum()),
        same_order=before.same_order + int((here == there).all(-1).sum()),
        near_tie=before.near_tie + int(near.sum()),
        downstream=before.downstream + int(downstream.sum()),
        hard=before.hard + int(hard.sum()),
        probability_error=max(before.probability_error, float(error[~tainted].max(initial=0.0))),
        smallest_margin=min(before.smallest_margin, float(mine.margin.min(initial=np.inf))),
    )
    return after, ~same
