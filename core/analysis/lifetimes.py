"""When experts fall asleep and wake up over training.

S rows of the record, E experts.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from core.analysis.load import Bools
from core.analysis.reading import Reading, counted

#: Asleep below this part of an even share, and a change counts when it lasts this many rows.
FLOOR, HOLD = 0.05, 3


@dataclass(frozen=True)
class Change:
    """An expert that woke up, or fell asleep, at the first row of its new state."""

    step: int
    expert: int
    awake: bool


@dataclass(frozen=True)
class Lifetimes:
    """`awake_SE` [S, E] after brief changes were smoothed away, `changes` by step and expert."""

    steps_S: npt.NDArray[np.int64]
    awake_SE: Bools
    changes: tuple[Change, ...]
    reading: Reading


def lifetimes(
    load_SE: npt.ArrayLike, steps_S: npt.ArrayLike, floor: float = FLOOR, hold: int = HOLD
) -> Lifetimes:
    """From accepted tokens of each expert between two rows. Rows without a token change nothing."""
    load, steps = np.asarray(load_SE, np.float64), np.asarray(steps_S, np.int64)
    total_S = load.sum(axis=1)
    kept = np.flatnonzero(total_S > 0)
    busy_SE = load[kept] * load.shape[1] >= floor * total_S[kept, None]
    state_SE = np.ones(load.shape, np.bool_)
    changes = []
    for expert in range(load.shape[1]):
        state_S, starts = _smooth(busy_SE[:, expert], hold)
        changes += [Change(int(steps[kept[row]]), expert, bool(state_S[row])) for row in starts]
        state_SE[:, expert] = _spread(state_S, kept, len(load))
    changes.sort(key=lambda change: (change.step, change.expert))
    return Lifetimes(steps, state_SE, tuple(changes), _reading(state_SE, changes, hold))


def _smooth(busy_S: Bools, hold: int) -> tuple[Bools, list[int]]:
    """States after runs shorter than `hold` were taken for the state before, and rows where one begins."""
    state_S = busy_S.copy()
    starts: list[int] = []
    if not len(busy_S):
        return state_S, starts
    edges = [0, *(np.flatnonzero(np.diff(busy_S)) + 1).tolist(), len(busy_S)]
    state = bool(busy_S[0])
    for start, end in pairwise(edges):
        if end - start >= hold and bool(busy_S[start]) != state:
            state = not state
            starts.append(start)
        state_S[start:end] = state
    return state_S, starts


def _spread(state_S: Bools, kept: npt.NDArray[np.int64], rows: int) -> Bools:
    """Rows without tokens take the state of the row before."""
    if not len(kept):
        return np.ones(rows, np.bool_)
    before = np.searchsorted(kept, np.arange(rows), side="right") - 1
    return state_S[np.maximum(before, 0)]


def _reading(state_SE: Bools, changes: list[Change], hold: int) -> Reading:
    asleep = int((~state_SE[-1]).sum()) if len(state_SE) else 0
    woke = sum(change.awake for change in changes)
    shows = f"{counted(asleep, 'expert')} of {state_SE.shape[1]} asleep at the end; {woke} woke up and"
    shows += f" {len(changes) - woke} fell asleep on the way."
    trap = f"An expert idle in one row is not dead: a change counts when it lasts {counted(hold, 'row')}."
    return Reading(shows, f"{trap} Asleep is less than a twentieth of an even share, not only nothing.")
