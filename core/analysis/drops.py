"""Whom capacity turned away: by expert, position, domain, and rank of the choice.

T tokens, E experts, K choices of a token.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.analysis.arrays import LayerArrays, TraceArrays, selecting
from core.analysis.load import drop_rate, unserved
from core.analysis.matrices import by_domain, by_position
from core.analysis.reading import Reading, figure

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Drops:
    """`rate` of all choices, `unserved` share of tokens no expert took, and rates apart: `expert_E` [E],
    `choice_K` [K] by rank of the choice, `position_P` by rows named `positions`, `domain_N` by domain. NaN
    where nothing was chosen."""

    path: str
    rate: float
    unserved: float
    expert_E: Floats
    choice_K: Floats
    positions: tuple[str, ...]
    position_P: Floats
    domain_N: Floats
    reading: Reading


def drops(trace: TraceArrays, layer: LayerArrays) -> Drops:
    """One layer. Raises AnalysisError for a soft one, which chooses nothing."""
    selecting(layer)
    chosen_TK = layer.expert >= 0
    dropped_TK = chosen_TK & ~layer.accepted
    chosen, dropped = int(chosen_TK.sum()), int(dropped_TK.sum())
    expert_E = _divide(
        *(np.bincount(layer.expert[of_TK], minlength=layer.experts) for of_TK in (dropped_TK, chosen_TK))
    )
    choice_K = _divide(dropped_TK.sum(axis=0), chosen_TK.sum(axis=0))
    place, domain = by_position(trace), by_domain(trace)
    dropped_T, chosen_T = (each.T.copy().sum(axis=0) for each in (dropped_TK, chosen_TK))
    position_P, domain_N = (
        _divide(*(np.bincount(label.of_T, each, len(label.names)) for each in (dropped_T, chosen_T)))
        for label in (place, domain)
    )
    rate, none = drop_rate(chosen - dropped, chosen), unserved(layer.accepted)
    reading = _reading(rate, none, expert_E, dropped)
    return Drops(layer.path, rate, none, expert_E, choice_K, place.names, position_P, domain_N, reading)


def _divide(part: npt.ArrayLike, whole: npt.ArrayLike) -> Floats:
    """NaN where there is nothing."""
    parts, wholes = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    out = np.full(parts.shape, np.nan)
    np.divide(parts, wholes, out=out, where=wholes > 0)
    return out


def _reading(rate: float, none: float, expert_E: Floats, dropped: int) -> Reading:
    if not dropped:
        trap = (
            "Capacity in training may differ from capacity here: the run's record has the drops of training."
        )
        return Reading("No choice was dropped.", trap)
    worst = int(np.nanargmax(expert_E))
    shows = (
        f"{figure(100 * rate)} % of the choices were dropped, and {figure(100 * none)} % of the tokens got no"
    )
    shows += f" expert at all. Expert {worst} turned away most: {figure(100 * expert_E[worst])} %."
    trap = "One rate hides who is turned away: late tokens and busy experts first."
    return Reading(shows, trap, f"Spread evenly, every row would have {figure(100 * rate)} %.")
