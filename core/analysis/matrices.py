"""Who goes where: domain, task, position or kind of byte against experts, with lift and chance.

T tokens, G groups (values of a label), E experts, S shuffles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from core.analysis.arrays import LayerArrays, TraceArrays, selecting
from core.analysis.classes import NAMES, token_classes
from core.analysis.deal import dealt
from core.analysis.errors import AnalysisError
from core.analysis.reading import Reading, figure
from core.analysis.specialization import (
    Chance,
    domain_expert,
    level,
    merged,
    shuffled,
    specialization,
    units,
)
from core.analysis.tally import taken, tally

Floats = npt.NDArray[np.float64]
#: Assignments of a layer [G, E], and the same after each shuffle [S, G, E].
_Counted = tuple[npt.NDArray[np.int64], Floats]

#: Positions up to this many have a row each; beyond, every row is twice as long as the one before.
ROWS = 2


@dataclass(frozen=True)
class Label:
    """What every token is: `of_T` [T] indexes `names`. `example` where all tokens of an example share it."""

    kind: str
    names: tuple[str, ...]
    of_T: npt.NDArray[np.int64]
    example: bool


@dataclass(frozen=True)
class Matrix:
    """One layer against one label.

    `counts_GE` [G, E] are accepted assignments, `share_GE` the same with rows that sum to 1 (0 where a group
    has none). `lift_GE` is a share over the expert's share of everything: 1 is chance, 2 twice as often, NaN
    where group or expert is empty. `notable_GE` marks cells further from chance than the furthest cell of 95
    of 100 shuffles, so that a matrix without any structure has one in 20 times.
    `told` is MI(label; expert) / H(label), `chance` the same for shuffled labels; both None where fewer than
    two groups occur.
    """

    path: str
    label: str
    names: tuple[str, ...]
    counts_GE: npt.NDArray[np.int64]
    share_GE: Floats
    lift_GE: Floats
    notable_GE: npt.NDArray[np.bool_]
    told: float | None
    chance: Chance | None
    reading: Reading


def by_domain(trace: TraceArrays) -> Label:
    """Where a token came from."""
    return Label("domain", trace.domains, trace.tokens.domain.astype(np.int64), True)


def by_task(trace: TraceArrays) -> Label:
    """What was asked of a token's example. Raises AnalysisError without tasks."""
    task_T = trace.tokens.task.astype(np.int64)
    if not len(task_T) or task_T.min() < 0:
        raise AnalysisError(
            "The examples of this trace carry no task. To fix this, look at a run whose data names tasks, or"
            " compare domains."
        )
    return Label("task", tuple(f"task {task}" for task in range(task_T.max() + 1)), task_T, True)


def by_position(trace: TraceArrays) -> Label:
    """How far into its sequence a token stands; first positions apart, later ones in rows that double."""
    position_T = trace.tokens.position.astype(np.int64)
    edges = [*range(ROWS)]
    while edges[-1] <= position_T.max(initial=0):
        edges.append(max(1, 2 * edges[-1]))
    names = [str(a) if b == a + 1 else f"{a}–{b - 1}" for a, b in pairwise(edges)]
    return Label("position", tuple(names), np.searchsorted(edges, position_T, side="right") - 1, False)


def by_class(trace: TraceArrays) -> Label:
    """What kind of byte a token is. Raises AnalysisError where tokens are not bytes."""
    return Label("kind of byte", NAMES, token_classes(trace.tokens).of_T, False)


#: Labels by the name a page and the command line use.
LABELS: dict[str, Callable[[TraceArrays], Label]] = {
    "domains": by_domain,
    "tasks": by_task,
    "positions": by_position,
    "classes": by_class,
}


def matrices(trace: TraceArrays, label: Label) -> list[Matrix]:
    """One matrix for every layer that selects, in order."""
    layers = [layer for layer in trace.layers if not layer.soft]
    if not layers:
        return []
    counted = _by_example(trace, layers, label) if label.example else _by_token(trace, layers, label)
    return [_matrix(layer, label, *found) for layer, found in zip(layers, counted, strict=True)]


def matrix(trace: TraceArrays, layer: LayerArrays, label: Label) -> Matrix:
    """The matrix of one layer. Raises AnalysisError for a soft one."""
    selecting(layer)
    count = _by_example if label.example else _by_token
    return _matrix(layer, label, *next(iter(count(trace, [layer], label))))


def _by_example(trace: TraceArrays, layers: Sequence[LayerArrays], label: Label) -> Iterator[_Counted]:
    """Of each layer the counts, and those after dealing the labels of whole examples, alike in all layers."""
    unit_T, label_U = units(trace.tokens.sequence, label.of_T)
    each = [
        domain_expert(unit_T, layer.expert, layer.accepted, len(label_U), layer.experts) for layer in layers
    ]
    null_SGX = shuffled(np.concatenate(each, axis=1), label_U, len(label.names))
    nulls = np.split(null_SGX, np.cumsum([layer.experts for layer in layers])[:-1], axis=2)
    for counts_UE, null_SGE in zip(each, nulls, strict=True):
        yield merged(counts_UE, label_U, len(label.names)), null_SGE


def _by_token(trace: TraceArrays, layers: Sequence[LayerArrays], label: Label) -> Iterator[_Counted]:
    """The same after dealing the labels of tokens with their neighbours."""
    G, labels_ST = len(label.names), label.of_T[dealt(trace.tokens.sequence)]
    every = [(label_T, G) for label_T in (label.of_T, *labels_ST)]
    for layer in layers:
        taken_KT = taken(layer.expert, layer.accepted, layer.experts)
        counts_GE, *null = tally(every, taken_KT, layer.experts)
        yield counts_GE, np.stack(null).astype(np.float64)


def _matrix(layer: LayerArrays, label: Label, counts_GE: npt.NDArray[np.int64], null_SGE: Floats) -> Matrix:
    lift_GE = lift(counts_GE)
    furthest_S = np.abs(residual(null_SGE)).max(axis=(1, 2))
    notable_GE = np.abs(residual(counts_GE)) > np.quantile(furthest_S, 0.95, method="higher")
    told, by_chance = specialization(counts_GE), level(null_SGE)
    return Matrix(
        layer.path,
        label.kind,
        label.names,
        counts_GE,
        shares(counts_GE),
        lift_GE,
        notable_GE,
        told,
        by_chance,
        _reading(label, counts_GE, lift_GE, notable_GE, told, by_chance),
    )


def shares(counts_GE: npt.NDArray[np.int64]) -> Floats:
    """Rows that sum to 1, or to 0 where a group has nothing."""
    counts = counts_GE.astype(np.float64)
    whole = counts.sum(axis=-1, keepdims=True)
    out = np.zeros_like(counts)
    np.divide(counts, whole, out=out, where=whole > 0)
    return out


def lift(counts_GE: npt.ArrayLike) -> Floats:
    """Counts [..., G, E] over what independence of group and expert would give, NaN where that is nothing."""
    counts = np.asarray(counts_GE, np.float64)
    expected = independent(counts)
    out = np.full_like(counts, np.nan)
    np.divide(counts, expected, out=out, where=expected > 0)
    return out


def residual(counts_GE: npt.ArrayLike) -> Floats:
    """Distance [..., G, E] from independence, in roots of the expected count (Pearson); 0 where none is."""
    counts = np.asarray(counts_GE, np.float64)
    expected = independent(counts)
    out = np.zeros_like(counts)
    np.divide(counts - expected, np.sqrt(expected), out=out, where=expected > 0)
    return out


def independent(counts_GE: Floats) -> Floats:
    """Counts [..., G, E] if group and expert knew nothing of each other."""
    of_group, of_expert = counts_GE.sum(axis=-1, keepdims=True), counts_GE.sum(axis=-2, keepdims=True)
    total = of_group.sum(axis=-2, keepdims=True)
    out = np.zeros_like(counts_GE)
    np.divide(of_group * of_expert, total, out=out, where=total > 0)
    return out


def _reading(
    label: Label,
    counts_GE: npt.NDArray[np.int64],
    lift_GE: Floats,
    notable_GE: npt.NDArray[np.bool_],
    told: float | None,
    by_chance: Chance | None,
) -> Reading:
    trap = (
        "Counts make a busy expert look special everywhere; lift divides by the expert's share of all tokens."
    )
    if told is None or by_chance is None:
        return Reading(f"There are not two values of {label.kind} to tell apart.", trap)
    shows = f"Knowing the expert tells {figure(100 * told)} % of what there is to know about the {label.kind}"
    shows += "." if told > by_chance.high else ", no more than chance."
    # The most telling cell, by how many tokens it holds beyond chance.
    beyond = np.where(notable_GE & (lift_GE > 1), counts_GE * (1 - 1 / np.where(lift_GE > 0, lift_GE, 1)), 0)
    if beyond.max(initial=0) > 0:
        group, expert = np.unravel_index(int(beyond.argmax()), beyond.shape)
        times = figure(lift_GE[group, expert])
        shows += (
            f" Most telling: {label.names[group]} to expert {expert}, {times} times as often as all tokens."
        )
        trap += " Most telling is where most tokens are more than chance would send, not the highest lift."
    chance = f"Shuffled labels give {figure(100 * by_chance.mean)} %, and 95 of 100 stay below"
    return Reading(shows, trap, f"{chance} {figure(100 * by_chance.high)} %.")
