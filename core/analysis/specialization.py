"""Does knowing the domain tell which expert? Normalised mutual information, and what chance alone would give.

N domains, E experts, U units (examples, as a rule).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.analysis.load import Bools, Ints
from core.analysis.tally import taken, tally

Counts = npt.NDArray[Any]
SHUFFLES = 100
#: Marks of units in domains that one product of the shuffles takes.
AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Chance:
    """Specialization after shuffling the domains: its mean, and what 95 of 100 shuffles stay below."""

    mean: float
    high: float


def domain_expert(
    domain_T: Ints, expert_TK: Ints, accepted_TK: Bools, domains: int, experts: int
) -> npt.NDArray[np.int64]:
    """Accepted assignments [N, E] of each domain's tokens, or of those of any other label, to each expert."""
    return tally([(domain_T, domains)], taken(expert_TK, accepted_TK, experts), experts)[0]


def specialization(counts_NE: Counts) -> float | None:
    """MI(domain; expert) / H(domain) from assignment counts: 0 says nothing, 1 tells the domain.

    None where fewer than two domains have assignments: there is no domain to tell.
    """
    value = float(specializations(counts_NE))
    return None if np.isnan(value) else value


def specializations(counts_NE: Counts) -> npt.NDArray[np.float64]:
    """The same for counts [..., N, E] at once, NaN where there is no domain to tell."""
    counts = np.asarray(counts_NE, np.float64)
    by_domain, by_expert = counts.sum(axis=-1), counts.sum(axis=-2)
    total = by_domain.sum(axis=-1)
    of_domain = _entropy(by_domain, total)
    flat = counts.reshape(*counts.shape[:-2], -1)
    information = of_domain + _entropy(by_expert, total) - _entropy(flat, total)
    told = (by_domain > 0).sum(axis=-1) >= 2
    share = np.divide(information, of_domain, out=np.full(np.shape(total), np.nan), where=told)
    return np.clip(share, 0, 1)


def chance(
    counts_UE: Counts, domain_U: Ints, domains: int, *, shuffles: int = SHUFFLES, seed: int = 0
) -> Chance | None:
    """Specialization if domains were dealt to the units at random. None where specialization is."""
    return level(shuffled(counts_UE, domain_U, domains, shuffles=shuffles, seed=seed))


def shuffled(
    counts_UE: Counts, domain_U: Ints, domains: int, *, shuffles: int = SHUFFLES, seed: int = 0
) -> npt.NDArray[np.float64]:
    """Assignments [shuffles, N, E] after dealing the domains of the units at random.

    The tokens of an example share its domain and resemble each other, so whole examples are shuffled: dealing
    domains to single tokens would make chance look far smaller than it is. `counts_UE` are assignments of a
    unit, `domain_U` its domain.
    """
    rng = np.random.default_rng([seed, shuffles])
    counts, U = np.asarray(counts_UE, np.float64), len(domain_U)
    dealt_SU = np.stack([domain_U[rng.permutation(U)] for _ in range(shuffles)])
    found = np.empty((shuffles, domains, counts.shape[1]))
    at_once = max(1, AT_ONCE // max(1, domains * U))
    for start in range(0, shuffles, at_once):
        ones_SNU = dealt_SU[start : start + at_once, None] == np.arange(domains)[:, None]
        sums = ones_SNU.reshape(-1, U).astype(np.float64) @ counts
        found[start : start + at_once] = sums.reshape(-1, *found.shape[1:])
    return found


def level(counts_SNE: Counts) -> Chance | None:
    """Specialization of shuffled counts. None where it has none."""
    values = specializations(counts_SNE)
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    return Chance(float(np.mean(values)), float(np.quantile(values, 0.95)))


def units(sequence_T: Ints, domain_T: Ints) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(unit_T, domain_U): a unit is what an example has of one domain. The unit of each token, and the domain
    of each unit."""
    domains = int(domain_T.max(initial=0)) + 1
    found, unit_T = np.unique(sequence_T.astype(np.int64) * domains + domain_T, return_inverse=True)
    return unit_T, found % domains


def merged(counts_UE: npt.NDArray[np.int64], domain_U: Ints, domains: int) -> npt.NDArray[np.int64]:
    """Assignments [N, E] of each domain, from those of the units."""
    return np.stack([counts_UE[domain_U == domain].sum(axis=0) for domain in range(domains)])


def _entropy(counts: npt.NDArray[np.float64], total: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Entropy in nats over the last axis, of counts that sum to `total`."""
    p = np.divide(counts, total[..., None], out=np.zeros_like(counts), where=total[..., None] > 0)
    logs = np.log(p, out=np.zeros_like(p), where=p > 0)
    return np.asarray(-(p * logs).sum(axis=-1))
