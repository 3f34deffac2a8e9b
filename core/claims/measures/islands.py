"""Islands of experts: how many a token visits, what it misses outside, and how alike their experts are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.claims.measures.base import Subject, over_layers, register
from core.trace.record import RoutedLayer

Bools = npt.NDArray[np.bool_]


def _visited(layer: RoutedLayer, islands: int) -> Bools:
    """Whether a token [T] has an accepted expert in an island [I]."""
    each = layer.experts // islands
    visited = np.zeros((len(layer.expert), islands), np.bool_)
    token, rank = np.nonzero(layer.accepted)
    visited[token, layer.expert[token, rank] // each] = True
    return visited


@register("islands_per_token")
def islands_per_token(subject: Subject, argument: str) -> float | None:
    """Mean number of islands, each a device, among a token's experts."""
    return over_layers(
        [
            float(_visited(layer, subject.body(layer.path).islands).sum(axis=1).mean())
            for layer in subject.hard
        ]
    )


@register("alignment_violation")
def alignment_violation(subject: Subject, argument: str) -> float | None:
    """How far experts outside a token's islands surpass the last one selected inside, summed over them.

    The hinge that Switch-and-Mixture's alignment loss trains down (arXiv 2110.07431); mean over tokens.
    """
    found: list[float | None] = []
    for layer in subject.hard:
        if layer.probability is None:
            continue
        islands = subject.body(layer.path).islands
        probability_TE = layer.probability.astype(np.float64)
        inside_TE = np.repeat(_visited(layer, islands), layer.experts // islands, axis=1)
        chosen_TK = np.take_along_axis(probability_TE, layer.expert.clip(0).astype(np.int64), axis=1)
        last_T = np.where(layer.accepted, chosen_TK, np.inf).min(axis=1)
        above_TE = np.clip(probability_TE - last_T[:, None], 0, None)
        found.append(float(np.where(inside_TE, 0, above_TE).sum(axis=1).mean()))
    return over_layers(found)


@register("cluster_variance")
def cluster_variance(subject: Subject, argument: str) -> float | None:
    """Mean over islands of the variance inside them of E times the mean probability (arXiv 2207.09094)."""
    found: list[float | None] = []
    for layer in subject.hard:
        if layer.probability is None:
            continue
        mean_E = layer.probability.astype(np.float64).mean(axis=0) * layer.experts
        found.append(float(mean_E.reshape(subject.body(layer.path).islands, -1).var(axis=1).mean()))
    return over_layers(found)
