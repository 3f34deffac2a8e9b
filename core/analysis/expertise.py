"""Does the router know which expert does better on a token, or only how hard the token is?

Predictive expertise 1 - H[A | Y1 - Y0] / H[A], prognostic expertise 1 - H[A | Y0, Y1] / H[A] and in-context
variability H[A | X] / H[A] of arXiv 2403.00694, for a router: action A is the expert it picked, outcome Y_e
minus the loss under expert e alone, all of which are known. With more than two experts: every pair on the
tokens that went to one of the two, and the mean over pairs weighted by their tokens.
Both kinds of expertise use one histogram: cells of Y1 - Y0, and each of them cut by Y0 + Y1. The finer one
can so never tell less. What shuffled choices reach is taken off: 0 is chance, 1 all there is to know.
N tokens, E experts, S shuffles.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from core.analysis.deal import dealt
from core.analysis.errors import AnalysisError
from core.analysis.load import Ints
from core.analysis.reading import Reading, figure
from core.analysis.routers import usable

SHUFFLES = 20
#: Cells a side of the histogram: at most, and tokens for each cell of the finer one.
MOST_CELLS = 20
TOKENS_A_CELL = 20
#: A pair is told of with this many tokens, and this many at either expert; the most used pairs come first.
FEWEST, FEWEST_EACH, MOST_PAIRS = 100, 10, 300
#: Learners are called predictive above this share of prognostic expertise (arXiv 2403.00694).
HALF = 0.5

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Expertise:
    """One layer. None where the router always picks the same expert: there is no choice to explain.

    `chance_predictive` and `chance_prognostic` are what 95 of 100 shuffles of the choices stay below.
    `variability` needs the router's own probabilities: 0 for one that always decides alike on a token, 1 for
    a random one. `predictive_EE` and `prognostic_EE` [E, E] are of pairs, NaN for those with few tokens.
    `verdict` is "predictive", "predictive of the worse expert", "mostly prognostic", "prognostic only",
    "no expertise" or "undefined". `pairs` of `all_pairs` were told.
    """

    predictive: float | None
    prognostic: float | None
    chance_predictive: float | None
    chance_prognostic: float | None
    variability: float | None
    predictive_EE: Floats
    prognostic_EE: Floats
    verdict: str
    pairs: int
    all_pairs: int
    reading: Reading


def expertise(
    loss_NE: npt.ArrayLike,
    chosen_N: Ints,
    unit_N: Ints | None = None,
    policy_NE: npt.ArrayLike | None = None,
    seed: int = 0,
) -> Expertise:
    """Expertise of choices [N] when the loss [N, E] of each token under each expert is known.

    `unit_N` says which tokens belong to one example: choices are shuffled with their neighbours. `policy_NE`
    are probabilities that choices were drawn with; without, a token always gets the same expert. Tokens
    without a choice (-1) or a finite loss are left out.

    Raises:
        AnalysisError: shapes or expert numbers do not fit.
    """
    loss, choices = usable(loss_NE, [chosen_N])
    keep_N = np.isfinite(loss).all(axis=1) & (choices[0] >= 0)
    loss, chosen = loss[keep_N], choices[0][keep_N]
    E = loss.shape[1]
    used_E = np.bincount(chosen, minlength=E)
    variability = _variability(policy_NE, keep_N, used_E)
    told = _pairs(used_E)
    if not told:
        return _undefined(E, used_E)
    units_N = np.arange(len(loss)) if unit_N is None else np.asarray(unit_N)[keep_N]
    found_2P = _shares(loss, chosen, told)
    null_S2P = np.stack([_shares(loss, chosen[order_N], told) for order_N in dealt(units_N, SHUFFLES, seed)])
    mean_2P = null_S2P.mean(axis=0)
    weight_P = np.array([used_E[i] + used_E[j] for i, j in told], np.float64)
    weight_P /= weight_P.sum()
    value_2P = (found_2P - mean_2P) / (1 - mean_2P)
    by_chance_S2 = ((null_S2P - mean_2P) / (1 - mean_2P)) @ weight_P
    predictive, prognostic = (float(value) for value in value_2P @ weight_P)
    chance_predictive, chance_prognostic = np.quantile(by_chance_S2, 0.95, axis=0, method="higher").tolist()
    pair_2EE = np.full((2, E, E), np.nan)
    for pair, (i, j) in enumerate(told):
        pair_2EE[:, i, j] = pair_2EE[:, j, i] = value_2P[:, pair]
    lost = loss[np.arange(len(loss)), chosen].mean() - loss.mean()
    verdict = _verdict(predictive, prognostic, chance_predictive, chance_prognostic, lost > 0)
    return Expertise(
        predictive,
        prognostic,
        chance_predictive,
        chance_prognostic,
        variability,
        pair_2EE[0],
        pair_2EE[1],
        verdict,
        len(told),
        E * (E - 1) // 2,
        _reading(predictive, prognostic, chance_predictive, chance_prognostic, verdict),
    )


def _pairs(used_E: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """Pairs with enough tokens, the most used first."""
    pairs = [
        (i, j)
        for i, j in combinations(range(len(used_E)), 2)
        if used_E[i] + used_E[j] >= FEWEST and min(used_E[i], used_E[j]) >= FEWEST_EACH
    ]
    return sorted(pairs, key=lambda pair: -int(used_E[list(pair)].sum()))[:MOST_PAIRS]


def _shares(loss_NE: Floats, chosen_N: npt.NDArray[np.int64], pairs: list[tuple[int, int]]) -> Floats:
    """I(A; effect) / H(A) and I(A; both outcomes) / H(A) of pairs [2, P]."""
    of_E = [np.flatnonzero(chosen_N == expert) for expert in range(loss_NE.shape[1])]
    return np.array([_share(loss_NE, of_E[i], of_E[j], i, j) for i, j in pairs]).T


def _share(
    loss_NE: Floats, of_i: npt.NDArray[np.int64], of_j: npt.NDArray[np.int64], i: int, j: int
) -> tuple[float, float]:
    rows = np.concatenate([of_i, of_j])
    second = np.repeat([False, True], [len(of_i), len(of_j)])
    one, other = loss_NE[rows, i], loss_NE[rows, j]
    effect, both = one - other, one + other
    if effect.mean() < 0:
        # Which of the two is called first changes nothing, not even the edges of the cells.
        effect = -effect
    cells = int(np.clip(np.sqrt(len(rows) / TOKENS_A_CELL), 2, MOST_CELLS))
    # No difference is an edge of its own: a router that always picks the better expert is told in full.
    edges = np.unique(np.append(np.quantile(effect, np.arange(1, cells) / cells), 0.0))
    coarse = np.searchsorted(edges, effect)
    order = np.lexsort((both, coarse))
    size = np.bincount(coarse, minlength=len(edges) + 1)
    start = np.cumsum(size) - size
    rank = np.empty(len(rows), np.int64)
    rank[order] = np.arange(len(rows)) - start[coarse[order]]
    fine = coarse * cells + rank * cells // size[coarse]
    return _told(coarse, second), _told(fine, second)


def _told(cell_N: npt.NDArray[np.int64], second_N: npt.NDArray[np.bool_]) -> float:
    """I(A; cell) / H(A)."""
    all_C = np.bincount(cell_N).astype(np.float64)
    second_C = np.bincount(cell_N, second_N, len(all_C)).astype(np.float64)
    left = float((all_C * _entropy(second_C, all_C)).sum() / len(cell_N))
    whole = float(_entropy(np.array([second_C.sum()]), np.array([float(len(cell_N))]))[0])
    return 1 - left / whole


def _entropy(second: Floats, total: Floats) -> Floats:
    """Of a choice between two, in nats."""
    p = np.divide(second, total, out=np.zeros_like(total), where=total > 0)
    found = np.zeros_like(p)
    for q in (p, 1 - p):
        found -= q * np.log(q, out=np.zeros_like(q), where=q > 0)
    return found


def _variability(
    policy_NE: npt.ArrayLike | None, keep_N: npt.NDArray[np.bool_], used_E: npt.NDArray[np.int64]
) -> float | None:
    """H[A | X] / H[A]."""
    p_E = used_E / max(1, used_E.sum())
    whole = float(-(p_E * np.log(p_E, out=np.zeros_like(p_E), where=p_E > 0)).sum())
    if whole <= 0:
        return None
    if policy_NE is None:
        return 0.0
    policy = np.asarray(policy_NE, np.float64)
    if policy.shape != (len(keep_N), len(used_E)):
        raise AnalysisError(
            f"Probabilities are {policy.shape} for {len(keep_N)} tokens and {len(used_E)} experts. To fix"
            " this, give one row a token."
        )
    policy = policy[keep_N]
    each_N = -(policy * np.log(policy, out=np.zeros_like(policy), where=policy > 0)).sum(axis=1)
    return float(each_N.mean() / whole)


def _verdict(
    predictive: float, prognostic: float, chance_predictive: float, chance_prognostic: float, worse: bool
) -> str:
    if predictive <= chance_predictive and prognostic <= chance_prognostic:
        return "no expertise"
    if predictive <= chance_predictive:
        return "prognostic only"
    if predictive <= HALF * prognostic:
        return "mostly prognostic"
    return "predictive of the worse expert" if worse else "predictive"


def _undefined(experts: int, used_E: npt.NDArray[np.int64]) -> Expertise:
    none = np.full((experts, experts), np.nan)
    busy = int((used_E > 0).sum())
    shows = "The router always picks the same expert, so there is no choice to explain."
    if busy != 1:
        shows = f"No two experts got {FEWEST} tokens together, {FEWEST_EACH} each: too few to tell."
    reading = Reading(shows, "A router without a choice is not one without expertise.")
    all_pairs = experts * (experts - 1) // 2
    return Expertise(None, None, None, None, None, none, none, "undefined", 0, all_pairs, reading)


_WORDS = {
    "predictive": "The router's choices follow which expert does better on a token.",
    "predictive of the worse expert": "The choices follow which expert does better, and take the worse one.",
    "mostly prognostic": "The choices follow how hard a token is, and less which expert does better on it.",
    "prognostic only": "The choices follow how hard a token is, not which expert does better on it.",
    "no expertise": "The choices say nothing about how the experts do on a token.",
}


def _reading(
    predictive: float, prognostic: float, chance_predictive: float, chance_prognostic: float, verdict: str
) -> Reading:
    shows = (
        f"{_WORDS[verdict]} Predictive expertise is {figure(predictive)}, prognostic {figure(prognostic)}."
    )
    chance = f"Shuffled choices stay below {figure(chance_predictive)} and {figure(chance_prognostic)} in 95"
    trap = (
        "Expertise is not quality: a router that always takes the worse expert has as much. Read the regret."
    )
    return Reading(shows, trap, f"{chance} of 100 cases.")
