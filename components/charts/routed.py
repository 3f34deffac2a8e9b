"""The sentences above the charts of the Routing page, made from their data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

#: A change of the busiest expert's share, in fair shares, from which on it is worth saying.
MOVED = 0.25


def over_training(layers: Sequence[tuple[str, npt.NDArray[Any]]]) -> str:
    """On (name, counts [F, N, E]): the layer whose busiest expert gained or lost most on the way."""
    moves = []
    for name, counts_FNE in layers:
        load_FE = np.asarray(counts_FNE.sum(axis=1), np.float64)
        used_FE = load_FE[load_FE.sum(axis=1) > 0]
        if len(used_FE) > 1:
            first, last = (row.max() / row.mean() for row in (used_FE[0], used_FE[-1]))
            moves.append((abs(last - first), name, first, last))
    if not moves:
        return "One window was counted, so there is no change to see yet"
    most, name, first, last = max(moves, key=lambda move: move[0])
    if most < MOVED:
        return "No layer became much more or less even while the run trained"
    verb = "drew apart" if last > first else "evened out"
    return (
        f"{name[:1].upper()}{name[1:]} {verb} most: its busiest expert went from {first:.1f} to {last:.1f}"
        " times its fair share"
    )
