"""How much a router loses against always knowing the best expert, beside routers that know nothing.

The loss of every token under every expert is known (counterfactuals), so regret is measured, not estimated.
N tokens, E experts, R routers, U units (examples).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.analysis.errors import AnalysisError
from core.analysis.load import Ints
from core.analysis.reading import Reading, figure

RESAMPLES = 1000
MOST_UNITS = 1000
#: Names of the routers that are always compared: the model's own first.
OWN, RANDOM, FIXED = "this router", "random", "best fixed expert"


@dataclass(frozen=True)
class Routers:
    """Each router of `names`, arrays [R, 3]: value, and the ends of its interval (95 %, examples resampled).

    `regret_R` is the mean loss above the best expert's in nats a token, `agreement_R` the share of tokens
    that go to a best expert, `worse_R` the regret less that of this router. `tokens` were compared.
    """

    names: tuple[str, ...]
    regret_R: npt.NDArray[np.float64]
    agreement_R: npt.NDArray[np.float64]
    worse_R: npt.NDArray[np.float64]
    tokens: int
    reading: Reading


def compare(
    loss_NE: npt.ArrayLike,
    chosen_N: Ints,
    unit_N: Ints | None = None,
    others: Mapping[str, Ints] | None = None,
    seed: int = 0,
) -> Routers:
    """This router against random choice, the best fixed expert, and `others` (choices [N] by name).

    Random choice is exact: the mean over experts. The best fixed expert is chosen on these very tokens, which
    flatters it. Tokens that no expert took (-1), here or in one of the others, and losses that are not finite
    are left out.

    Raises:
        AnalysisError: shapes or expert numbers do not fit, or no token is left.
    """
    others = others or {}
    loss, choices = usable(loss_NE, [chosen_N, *others.values()])
    keep_N = np.asarray(np.isfinite(loss).all(axis=1) & (choices >= 0).all(axis=0))
    loss, choices = loss[keep_N], choices[:, keep_N]
    units_N: Ints = np.arange(len(keep_N)) if unit_N is None else np.asarray(unit_N)
    if not keep_N.any():
        raise AnalysisError(
            "No token has a choice and a loss under every expert. To fix this, measure more tokens."
        )
    best_N = loss.min(axis=1)
    fixed = np.full(len(loss), int(loss.mean(axis=0).argmin()))
    rows = np.arange(len(loss))
    lost = [loss[rows, choice] for choice in (choices[0], fixed, *choices[1:])]
    hit = [each == best_N for each in lost]
    lost.insert(1, loss.mean(axis=1))
    hit.insert(1, (loss == best_N[:, None]).mean(axis=1))
    regret_NR = np.stack(lost, axis=1) - best_N[:, None]
    names = (OWN, RANDOM, FIXED, *others)
    regret, agreement, worse = _intervals(
        [regret_NR, np.stack(hit, axis=1).astype(np.float64), regret_NR - regret_NR[:, :1]],
        units_N[keep_N],
        seed,
    )
    reading = _reading(names, regret, agreement, worse)
    return Routers(names, regret, agreement, worse, len(loss), reading)


def hashed(token_N: Ints, experts: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """A router that knows the token's id and nothing else: every id has a random expert for good."""
    table = np.random.default_rng(seed).integers(0, experts, int(token_N.max(initial=0)) + 1)
    return np.asarray(table[token_N])


def usable(
    loss_NE: npt.ArrayLike, choices: list[Ints]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Losses [N, E] and choices [R, N]. Raises AnalysisError where they do not fit each other."""
    loss = np.asarray(loss_NE, np.float64)
    if loss.ndim != 2 or any(np.shape(choice) != loss.shape[:1] for choice in choices):
        raise AnalysisError(
            f"Losses are {loss.shape}, choices {[np.shape(choice) for choice in choices]}. To fix this, give"
            " a loss of every token under every expert, and one choice a token."
        )
    chosen = np.stack(choices).astype(np.int64)
    if chosen.size and not (chosen.min() >= -1 and chosen.max() < loss.shape[1]):
        raise AnalysisError(
            f"A choice names an expert that is not among the {loss.shape[1]}. To fix this, number experts"
            " from 0, and -1 for none."
        )
    return loss, chosen


def _intervals(
    values: list[npt.NDArray[np.float64]], unit_N: Ints, seed: int
) -> list[npt.NDArray[np.float64]]:
    """Means of columns [R, 3] with the ends of 95 % intervals; units are drawn again with replacement.

    More than 1000 units are drawn in bundles.
    """
    units, of_N = np.unique(unit_N, return_inverse=True)
    rng = np.random.default_rng(seed)
    bundle_U = rng.permutation(len(units)) % MOST_UNITS
    of_N = bundle_U[of_N]
    size_U = np.bincount(of_N)
    times_BU = rng.multinomial(len(size_U), np.full(len(size_U), 1 / len(size_U)), RESAMPLES)
    found = []
    for value_NR in values:
        sum_UR = np.stack([np.bincount(of_N, column) for column in value_NR.T], axis=1)
        drawn_BR = (times_BU @ sum_UR) / (times_BU @ size_U)[:, None]
        low_R, high_R = np.quantile(drawn_BR, [0.025, 0.975], axis=0)
        found.append(np.stack([value_NR.mean(axis=0), low_R, high_R], axis=1))
    return found


def _reading(
    names: tuple[str, ...],
    regret_R: npt.NDArray[np.float64],
    agreement_R: npt.NDArray[np.float64],
    worse_R: npt.NDArray[np.float64],
) -> Reading:
    beaten = [name for name, worse in zip(names[1:], worse_R[1:], strict=True) if worse[1] > 0]
    ahead = [name for name, worse in zip(names[1:], worse_R[1:], strict=True) if worse[2] < 0]
    shows = f"This router loses {figure(regret_R[0, 0])} nats a token against always knowing the best expert."
    shows += f" It picks a best one for {figure(100 * agreement_R[0, 0])} % of the tokens."
    if beaten:
        shows += f" It loses less than: {', '.join(beaten)}."
    if ahead:
        shows += f" It loses more than: {', '.join(ahead)}."
    chance = f"Random choice loses {figure(regret_R[1, 0])} nats and finds a best one for"
    chance += f" {figure(100 * agreement_R[1, 0])} % of the tokens."
    trap = "Experts were trained on what they were sent, so an expert may be bad at a token only because it"
    return Reading(shows, f"{trap} never saw one like it.", chance)
