"""How evenly a layer used its experts over training.

S rows of the record, E experts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.analysis.load import cv, dead, max_violation
from core.analysis.reading import Reading, figure

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Balance:
    """Of each row [S]: coefficient of variation, MaxVio, experts without a token. `chance_cv_S` is the CV
    that even routing of as many tokens at random would have."""

    steps_S: npt.NDArray[np.int64]
    cv_S: Floats
    max_violation_S: Floats
    dead_S: npt.NDArray[np.int64]
    chance_cv_S: Floats
    reading: Reading


def balance(load_SE: npt.ArrayLike, steps_S: npt.ArrayLike) -> Balance:
    """From accepted tokens of each expert between two rows; at least one row."""
    load, steps = np.asarray(load_SE, np.float64), np.asarray(steps_S, np.int64)
    total_S, E = load.sum(axis=1), load.shape[1]
    chance_S = np.zeros(len(load))
    # Counts of a fair draw are multinomial: variance n/E (1 - 1/E), mean n/E.
    np.divide(E - 1, total_S, out=chance_S, where=total_S > 0)
    chance_S = np.sqrt(chance_S)
    cv_S = np.array([cv(row) for row in load])
    max_violation_S = np.array([max_violation(row) for row in load])
    dead_S = np.array([dead(row) for row in load], np.int64)
    first, last = figure(cv_S[0]), figure(cv_S[-1])
    moved = f"went from {first} to {last}" if first != last else f"ends where it began, at {last}"
    shows = f"Unevenness of the load (CV, 0 is even) {moved};"
    if len(steps) == 1:
        shows = f"Unevenness of the load (CV, 0 is even) is {last} in the only window there is;"
    shows += f" the busiest expert ends at {figure(1 + max_violation_S[-1])} times the mean."
    chance = f"Even routing at random would still show a CV of {figure(chance_S[-1])} in the last row."
    trap = "A balance loss forces evenness: even use says nothing about what experts know."
    return Balance(steps, cv_S, max_violation_S, dead_S, chance_S, Reading(shows, trap, chance))
