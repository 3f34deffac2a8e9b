"""Which experts work on the same tokens, and whether they form groups.

T tokens, E experts, K choices of a token.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import networkx as nx
import numpy as np
import numpy.typing as npt

from core.analysis.arrays import LayerArrays, TraceArrays, selecting
from core.analysis.deal import held_out
from core.analysis.errors import AnalysisError
from core.analysis.load import Bools, Ints
from core.analysis.reading import Reading, counted, figure
from core.analysis.tally import taken

#: Rounds of fitting expected counts; the worst real layer needs about 30.
ROUNDS = 500
SE_95 = 1.96


@dataclass(frozen=True)
class Coactivation:
    """Pairs of one layer.

    `counts_EE` [E, E] tokens that both experts took (0 on the diagonal); `lift_EE` over what the same experts
    in as many pairs, at random, would share (NaN where that is nothing); `repeats` how well the excess of the
    pairs in one half of the examples tells that in the other, as a correlation: 0 is chance, None where pairs
    do not vary.
    `community_E` numbers groups found in one half, -1 for experts without a pair. `inside` is the share of
    pairs inside a group in the other half, `inside_error` its half interval (95 %, examples as units), and
    `inside_chance` the share at random. `holds` where groups are more than chance.
    """

    path: str
    counts_EE: npt.NDArray[np.int64]
    lift_EE: npt.NDArray[np.float64]
    repeats: float | None
    community_E: npt.NDArray[np.int64]
    inside: float
    inside_error: float
    inside_chance: float
    holds: bool
    reading: Reading


def coactivation(trace: TraceArrays, layer: LayerArrays, seed: int = 0) -> Coactivation:
    """Pairs and groups of one layer.

    Raises:
        AnalysisError: a soft layer, one whose tokens get one expert each, or a trace of one example.
    """
    selecting(layer)
    sequence_T, other_T = trace.tokens.sequence, held_out(trace.tokens.sequence, seed)
    fit_EE = pairs(layer, ~other_T)
    test_KT = taken(layer.expert[other_T], layer.accepted[other_T], layer.experts)
    test_EE = met(test_KT, layer.experts)
    counts_EE = fit_EE + test_EE
    if not fit_EE.any() or not test_EE.any():
        raise AnalysisError(
            f"In layer {layer.path} no token goes to two experts, so none work together. To fix this, choose"
            " a layer that picks two or more."
        )
    expected_EE = expected(counts_EE)
    excess_EE, test_excess_EE = fit_EE - expected(fit_EE), test_EE - expected(test_EE)
    community_E = communities(excess_EE, counts_EE.sum(axis=1) > 0, seed)
    inside, error = _inside(test_KT, sequence_T[other_T], community_E)
    same_EE = (community_E[:, None] == community_E) & (community_E >= 0)
    inside_chance = float((expected(test_EE) * same_EE).sum() / test_EE.sum())
    groups = int(community_E.max()) + 1
    holds = groups > 1 and inside - error > inside_chance
    lift_EE = np.full(counts_EE.shape, np.nan)
    np.divide(counts_EE, expected_EE, out=lift_EE, where=expected_EE > 0)
    repeats = _correlation(excess_EE, test_excess_EE)
    return Coactivation(
        layer.path,
        counts_EE,
        lift_EE,
        repeats,
        community_E,
        inside,
        error,
        inside_chance,
        holds,
        _reading(groups, inside, inside_chance, holds, repeats),
    )


def pairs(layer: LayerArrays, of_T: Bools) -> npt.NDArray[np.int64]:
    """Tokens [E, E] among some that both experts accepted; 0 on the diagonal."""
    return met(taken(layer.expert[of_T], layer.accepted[of_T], layer.experts), layer.experts)


def met(taken_KT: npt.NDArray[np.int64], experts: int) -> npt.NDArray[np.int64]:
    """The same [E, E] from accepted choices [K, T], E for none."""
    columns = experts + 1
    row_KT, cells = taken_KT * columns, np.zeros(columns * columns, np.int64)
    for one, other in combinations(range(len(taken_KT)), 2):
        cells += np.bincount(row_KT[one] + taken_KT[other], minlength=len(cells))
    found_EE = cells.reshape(columns, columns)[:experts, :experts]
    return found_EE + found_EE.T


def expected(counts_EE: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Pairs at random, each expert in as many as it is: x_i x_j off the diagonal, rows sum as given."""
    row_E = counts_EE.sum(axis=1).astype(np.float64)
    x_E = row_E / np.sqrt(max(row_E.sum(), 1.0))
    for _ in range(ROUNDS):
        sum_E = x_E * (x_E.sum() - x_E)
        ratio_E = np.divide(row_E, sum_E, out=np.ones_like(row_E), where=sum_E > 0)
        x_E *= np.sqrt(ratio_E)
        if np.abs(ratio_E - 1).max(initial=0) < 1e-9:
            break
    found = np.outer(x_E, x_E)
    np.fill_diagonal(found, 0)
    return found


def communities(excess_EE: npt.NDArray[np.float64], active_E: Bools, seed: int = 0) -> npt.NDArray[np.int64]:
    """Groups of experts that share more tokens than by chance (Louvain, arXiv 0803.0476), the largest first.

    An expert in no pair is -1; without any excess all active experts are one group.
    """
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(np.flatnonzero(active_E).tolist())
    first_X, second_X = np.nonzero(np.triu(excess_EE > 0, 1))
    weights = excess_EE[first_X, second_X]
    graph.add_weighted_edges_from(zip(first_X.tolist(), second_X.tolist(), weights.tolist(), strict=True))
    found = nx.community.louvain_communities(graph, seed=seed) if graph.edges else [set(graph.nodes)]
    community_E = np.full(len(active_E), -1)
    for number, members in enumerate(sorted(found, key=lambda group: (-len(group), min(group)))):
        community_E[list(members)] = number
    return community_E


def layout(found: Coactivation, seed: int = 0) -> npt.NDArray[np.float64]:
    """Places [E, 2] in [-1, 1] for a drawing: experts that share more tokens than by chance attract."""
    excess_EE = np.clip(found.counts_EE - expected(found.counts_EE), 0, None)
    strongest = excess_EE.max()
    graph = nx.from_numpy_array(excess_EE / strongest if strongest > 0 else excess_EE)
    placed = nx.spring_layout(graph, seed=seed)
    return np.array([placed[expert] for expert in range(len(excess_EE))])


def _inside(
    taken_KT: npt.NDArray[np.int64], sequence_T: Ints, community_E: npt.NDArray[np.int64]
) -> tuple[float, float]:
    """Share of pairs of some tokens inside a group, and half its interval with examples as units."""
    there_KT = taken_KT < len(community_E)
    group_KT = np.append(community_E, -1).astype(np.int32)[taken_KT]
    inside_T, pairs_T = np.zeros((2, len(sequence_T)), np.int32)
    for one, other in combinations(range(len(taken_KT)), 2):
        both_T = there_KT[one] & there_KT[other]
        pairs_T += both_T
        inside_T += both_T & (group_KT[one] == group_KT[other])
    _, unit_T = np.unique(sequence_T, return_inverse=True)
    inside_U, pairs_U = np.bincount(unit_T, inside_T), np.bincount(unit_T, pairs_T)
    share = inside_U.sum() / pairs_U.sum()
    error = np.sqrt(((inside_U - share * pairs_U) ** 2).sum()) / pairs_U.sum()
    return float(share), float(SE_95 * error)


def _correlation(one_EE: npt.NDArray[np.float64], other_EE: npt.NDArray[np.float64]) -> float | None:
    upper = np.triu_indices(len(one_EE), 1)
    one, other = one_EE[upper], other_EE[upper]
    if len(one) < 3 or np.ptp(one) < 1e-6 or np.ptp(other) < 1e-6:
        return None
    return float(np.corrcoef(one, other)[0, 1])


def _reading(groups: int, inside: float, inside_chance: float, holds: bool, repeats: float | None) -> Reading:
    if holds:
        shows = f"The experts form {counted(groups, 'group')} that share their tokens."
    else:
        shows = "No groups of experts: those found in one half of the examples do not hold in the other."
    chance = f"Of the pairs in the half that was not used to find them, {figure(100 * inside)} % lie inside a"
    chance += f" group; at random {figure(100 * inside_chance)} % would."
    if repeats is not None:
        chance += f" Pairs repeat between the halves with a correlation of {figure(repeats)} (chance is 0)."
    trap = "Two busy experts meet often by chance: lift compares with the same experts paired at random."
    return Reading(shows, trap, chance)
