"""Does knowing the domain tell which expert? Normalised mutual information, and what chance alone would give.

N domains, E experts, U units (examples, as a rule).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.analysis.load import Bools, Ints

Counts = npt.NDArray[Any]
SHUFFLES = 200


@dataclass(frozen=True)
class Chance:
    """Specialization after shuffling the domains: its mean, and what 95 of 100 shuffles stay below."""

    mean: float
    high: float


def domain_expert(
    domain_T: Ints, expert_TK: Ints, accepted_TK: Bools, domains: int, experts: int
) -> npt.NDArray[np.int64]:
    """Accepted assignments [N, E] of each domain's tokens to each expert."""
    taken_TK = accepted_TK & (expert_TK >= 0)
    cell = domain_T.astype(np.int64)[:, None] * experts + expert_TK
    counts = np.bincount(cell[taken_TK], minlength=domains * experts)
    return counts.reshape(domains, experts).astype(np.int64)


def specialization(counts_NE: Counts) -> float | None:
    """MI(domain; expert) / H(domain) from assignment counts: 0 says nothing, 1 tells the domain.

    None where fewer than two domains have assignments: there is no domain to tell.
    """
    total = counts_NE.sum()
    if not total or (counts_NE.sum(axis=1) > 0).sum() < 2:
        return None
    joint = np.asarray(counts_NE, np.float64) / total
    of_domain, of_expert = _entropy(joint.sum(axis=1)), _entropy(joint.sum(axis=0))
    information = of_domain + of_expert - _entropy(joint.ravel())
    return float(min(1.0, max(0.0, information / of_domain)))


def chance(
    counts_UE: Counts, domain_U: Ints, domains: int, *, shuffles: int = SHUFFLES, seed: int = 0
) -> Chance | None:
    """Specialization if domains were dealt to the units at random.

    The tokens of an example share its domain and resemble each other, so whole examples are shuffled: dealing
    domains to single tokens would make chance look far smaller than it is. `counts_UE` are assignments of a
    unit, `domain_U` its domain. None where specialization is.
    """
    rng = np.random.default_rng([seed, shuffles])
    ones_UN = np.eye(domains)[domain_U]
    counts = np.asarray(counts_UE, np.float64)
    found = [specialization(rng.permutation(ones_UN).T @ counts) for _ in range(shuffles)]
    values = [value for value in found if value is not None]
    if not values:
        return None
    return Chance(float(np.mean(values)), float(np.quantile(values, 0.95)))


def units(
    sequence_T: Ints, domain_T: Ints, expert_TK: Ints, accepted_TK: Bools, experts: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(counts_UE, domain_U): a unit is what an example has of one domain."""
    pairs = np.stack([sequence_T.astype(np.int64), domain_T.astype(np.int64)], axis=1)
    found, unit_T = np.unique(pairs, axis=0, return_inverse=True)
    counts_UE = domain_expert(unit_T.reshape(-1), expert_TK, accepted_TK, len(found), experts)
    return counts_UE, found[:, 1]


def _entropy(p: npt.NDArray[np.float64]) -> float:
    p = p[p > 0]
    return float(-(p * np.log(p)).sum())
