"""Distinct experts that T tokens touch: the number that a step must read from memory.

E experts, K of them for a token, p_e the chance that a token picks expert e (they sum to K).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

#: 10 and 90 % marks of a normal distribution, in standard deviations.
Z = 1.2815515655446004


def touched(chances: Sequence[float], tokens: float) -> float:
    """Expected number of distinct experts: sum of 1 - (1 - p_e)**T, tokens taken as independent.

    `chances` from a trace or K/E each. Raises ValueError for a chance outside [0, 1] or fewer than 0 tokens.
    """
    if tokens < 0 or not all(0 <= p <= 1 for p in chances):
        raise ValueError("Chances lie between 0 and 1, and tokens are not below 0. To fix this, check both.")
    return math.fsum(hit(p, tokens) for p in chances)


def evenly_touched(experts: int, rows: float, tokens: float) -> float:
    """The same when `experts` share `rows` rows a token evenly; rows above one an expert touch every time."""
    return experts * hit(min(1.0, rows / experts), tokens)


def even_variance(experts: int, chosen: float, tokens: float) -> float:
    """Variance of the number of distinct experts when each token takes `chosen` different ones evenly.

    E q (1 - q) + E (E - 1) (r - q**2), q the chance that one expert is left out and r that two are.
    """
    if experts < 2 or chosen >= experts:
        return 0.0
    left = 1 - hit(chosen / experts, tokens)
    pair = max(0.0, (experts - chosen) * (experts - chosen - 1) / (experts * (experts - 1)))
    two = math.pow(pair, tokens)
    return max(0.0, experts * left * (1 - left) + experts * (experts - 1) * (two - left * left))


def hit(chance: float, tokens: float) -> float:
    """Chance that T independent tokens touch an expert which each of them picks with this chance."""
    # log1p and expm1 keep digits where a chance is tiny or T is huge.
    if tokens == 1:
        return chance
    if chance >= 1:
        return 1.0 if tokens > 0 else 0.0
    return -math.expm1(tokens * math.log1p(-chance))
