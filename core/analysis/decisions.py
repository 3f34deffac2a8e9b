"""How sure the router is: entropy of its distribution, and the margin of its last choice.

T tokens, N domains, E experts, B bins, Q quantiles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.analysis.arrays import LayerArrays, TraceArrays
from core.analysis.errors import AnalysisError
from core.analysis.reading import Reading, figure

Floats = npt.NDArray[np.float64]

BINS = 20
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
#: A choice by less than this (in the scores that were compared) could have gone the other way.
NEAR_TIE = 0.01


@dataclass(frozen=True)
class Decisions:
    """`entropy_B` counts tokens by entropy over ln E, in equal bins from 0 (certain) to 1 (undecided);
    `entropy_Q` are its quantiles, `entropy_N` its mean in each domain (NaN without tokens).
    `margin_Q` are quantiles of the gap between the last expert chosen and the best that was not, in the
    router's scores, `near_ties` the share below 0.01 in size, and `against` the share below 0, where groups,
    capacity or experts that choose overrule the scores; None where nothing was left out of a choice.
    `overall` is the entropy of the mean distribution over ln E: how evenly the router spreads all tokens
    together; None where no probabilities were kept."""

    path: str
    entropy_B: npt.NDArray[np.int64]
    entropy_Q: Floats
    entropy_N: Floats
    margin_Q: Floats | None
    near_ties: float | None
    against: float | None
    overall: float | None
    reading: Reading


def decisions(trace: TraceArrays, layer: LayerArrays) -> Decisions:
    """One layer, soft or not. Raises AnalysisError for a single expert or no tokens."""
    if layer.experts < 2 or not len(layer.entropy):
        raise AnalysisError(
            f"Layer {layer.path} has nothing to decide: one expert, or no tokens. To fix this, choose a layer"
            " with several experts."
        )
    most = float(np.log(layer.experts))
    entropy_T = np.clip(np.asarray(layer.entropy, np.float64) / most, 0, 1)
    domain_T, N = trace.tokens.domain, len(trace.domains)
    number_N = np.bincount(domain_T, minlength=N)
    entropy_N = np.full(N, np.nan)
    np.divide(np.bincount(domain_T, entropy_T, N), number_N, out=entropy_N, where=number_N > 0)
    margin_T = layer.margin[np.isfinite(layer.margin)]
    margin_Q = _quantiles(margin_T) if len(margin_T) else None
    near_ties = float((np.abs(margin_T) < NEAR_TIE).mean()) if len(margin_T) else None
    against = float((margin_T < 0).mean()) if len(margin_T) else None
    overall = None if layer.probability is None else _spread(layer.probability) / most
    entropy_B = np.histogram(entropy_T, bins=BINS, range=(0, 1))[0]
    entropy_Q = _quantiles(entropy_T)
    reading = _reading(float(entropy_T.mean()), entropy_Q, near_ties, against, overall)
    return Decisions(
        layer.path, entropy_B, entropy_Q, entropy_N, margin_Q, near_ties, against, overall, reading
    )


def _quantiles(value_T: npt.ArrayLike) -> Floats:
    return np.asarray(np.quantile(np.asarray(value_T, np.float64), QUANTILES))


def _spread(probability_TE: npt.ArrayLike) -> float:
    """Entropy of the mean distribution, in nats."""
    sum_E = np.asarray(probability_TE).sum(axis=0, dtype=np.float64)
    p = sum_E[sum_E > 0] / sum_E.sum()
    return float(-(p * np.log(p)).sum())


def _reading(
    mean: float, entropy_Q: Floats, near_ties: float | None, against: float | None, overall: float | None
) -> Reading:
    shows = f"The router's entropy is {figure(100 * mean)} % of an undecided router's on average; 90 of 100"
    shows += f" tokens lie between {figure(100 * entropy_Q[0])} % and {figure(100 * entropy_Q[-1])} %."
    if near_ties is not None:
        shows += f" {figure(100 * near_ties)} % of the choices were near ties."
    if against:
        shows += f" {figure(100 * against)} % went against the scores: something other than they decides too."
    trap = "A mean hides two kinds of token, the certain and the undecided: look at the bars."
    if overall is not None:
        trap += f" Even use is another thing: all tokens together reach {figure(100 * overall)} %."
    return Reading(
        shows, trap, "100 % is a router that cannot tell its experts apart, 0 % one without doubt."
    )
