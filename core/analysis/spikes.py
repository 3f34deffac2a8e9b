"""Steps at which the training loss jumped.

S rows of the record.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.analysis.reading import Reading, counted

#: Rows before one that say what to expect, how many of them it takes, and how far is a jump (in sigmas).
WINDOW, FEWEST, FAR = 25, 8, 6.0
#: A jump is at least this part of the loss, however quiet the rows before.
LEAST = 0.01
_SIGMA_OF_MAD = 1.4826


@dataclass(frozen=True)
class Spikes:
    """`steps` where a jump begins, `heights` above what the rows before let expect (nats)."""

    steps: npt.NDArray[np.int64]
    heights: npt.NDArray[np.float64]
    reading: Reading


def spikes(loss_S: npt.ArrayLike, steps_S: npt.ArrayLike) -> Spikes:
    """Rows further above the median of the rows before them than six robust standard deviations.

    Neighbouring rows are one jump, with the height of the largest. Rows without a finite loss are left out.
    """
    loss, steps = np.asarray(loss_S, np.float64), np.asarray(steps_S, np.int64)
    kept = np.isfinite(loss)
    loss, steps = loss[kept], steps[kept]
    height_S = np.zeros(len(loss))
    quiet = np.ones(len(loss), np.bool_)
    for row in range(FEWEST, len(loss)):
        # Rows of a jump say nothing about what to expect after it.
        before = loss[max(0, row - WINDOW) : row][quiet[max(0, row - WINDOW) : row]]
        if len(before) < FEWEST:
            continue
        middle = np.median(before)
        sigma = _SIGMA_OF_MAD * np.median(np.abs(before - middle))
        if loss[row] - middle > max(FAR * sigma, LEAST * abs(middle)):
            height_S[row], quiet[row] = loss[row] - middle, False
    starts = np.flatnonzero(~quiet & np.concatenate([[True], quiet[:-1]])[: len(quiet)])
    ends = [*starts[1:], len(loss)][: len(starts)]
    tops = [height_S[start:end].max() for start, end in zip(starts, ends, strict=True)]
    shows = f"{counted(len(starts), 'jump')} of the training loss."
    if not len(starts):
        shows = "The training loss never jumped."
    trap = "A noisy loss is not a jumping one: a jump leaves the spread of the rows before it far behind."
    chance = "Plain noise passes for a jump about once in ten thousand rows."
    return Spikes(steps[starts], np.array(tops, np.float64), Reading(shows, trap, chance))
