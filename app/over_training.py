"""Analyses of how routing came about, from a run's record and from the traces it left on its way."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.analysis.balance import Balance, balance
from core.analysis.errors import AnalysisError
from core.analysis.lifetimes import Lifetimes, lifetimes
from core.analysis.saturation import Saturation, over_traces
from core.analysis.spikes import Spikes, spikes
from core.design.facts import MetricsRow
from core.trace.newest import newest_trace, small_traces
from core.trace.record import read


@dataclass(frozen=True)
class Past:
    """What a run left: its rows, without their tables, and its folder."""

    rows: tuple[MetricsRow, ...]
    folder: Path


def balances(past: Past) -> dict[str, Balance]:
    """Balance of each layer that selects, by path. Raises AnalysisError while nothing was counted."""
    return {path: balance(load_SE, steps_S) for path, (load_SE, steps_S) in _loads(past.rows).items()}


def sleep(past: Past) -> dict[str, Lifetimes]:
    """Births and deaths in each layer, by path. Raises AnalysisError while nothing was counted."""
    return {path: lifetimes(load_SE, steps_S) for path, (load_SE, steps_S) in _loads(past.rows).items()}


def jumps(past: Past) -> dict[str, Spikes]:
    """Jumps of the training loss."""
    rows = [(row.step, row.loss) for row in past.rows if row.loss is not None]
    return {"loss": spikes([loss for _, loss in rows], [step for step, _ in rows])}


def settled(past: Past) -> dict[str, Saturation]:
    """Saturation of each layer, by path. Raises AnalysisError without traces on the way, or TraceError."""
    found = dict(small_traces(past.folder))
    newest = newest_trace(past.folder)
    if newest is not None:
        found[int(newest.stem)] = newest
    steps = sorted(found)
    return over_traces([read(found[step]) for step in steps], steps)


def _loads(rows: tuple[MetricsRow, ...]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Loads [S, E] and steps [S] of each layer, by path."""
    found: dict[str, list[tuple[int, tuple[float, ...]]]] = {}
    for row in rows:
        for layer in row.layers:
            found.setdefault(layer.path, []).append((row.step, layer.load))
    if not found:
        raise AnalysisError(
            "This run has counted no choices: it has no layer that selects, or no step was logged yet. To fix"
            " this, let it train to its first logged step."
        )
    return {
        path: (np.array([load for _, load in each]), np.array([step for step, _ in each]))
        for path, each in found.items()
    }


#: By the name that the command line uses: what it tells, and how.
HISTORY: dict[str, tuple[str, Callable[[Past], dict[str, Any]]]] = {
    "balance": ("evenness of the load over training", balances),
    "lifetimes": ("experts that woke up or fell asleep", sleep),
    "jumps": ("jumps of the training loss", jumps),
    "saturation": ("how early routing was settled", settled),
}
