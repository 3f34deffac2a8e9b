"""How alike the tokens of one step choose, read off a trace: T of them touch as many experts as T**rho alone.

Tokens of one text share their experts, and so do batches of one topic (arXiv 2412.14711 among others); taking
them as independent promises too many distinct experts.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from core.cost.coverage import touched

#: Sets drawn for each number of tokens, and the share of all experts from which on a set says nothing more.
_DRAWS, _FULL = 64, 0.97
_SIZES = (4, 8, 16, 32, 64, 128, 256)


def exponent(expert_NK: Any, sequence_N: Any, experts: int, *, one_text: bool, seed: int = 0) -> float | None:
    """Exponent rho in (0, 1] of a layer's choices [N, K], -1 for none; None where sets are too few or full.

    `one_text` draws tokens that follow each other in one sequence, as a prefill reads them; else one token of
    each of different sequences, as a decoding batch has them.
    """
    chosen = expert_NK >= 0
    chances = np.bincount(expert_NK[chosen], minlength=experts) / max(1, len(expert_NK))
    found = []
    for tokens in _SIZES:
        mean = _sampled(expert_NK, sequence_N, tokens, one_text, np.random.default_rng((seed, tokens)))
        if mean is None or mean > _FULL * np.count_nonzero(chances):
            break
        found.append(math.log(_alone(chances.clip(0, 1).tolist(), mean, tokens)) / math.log(tokens))
    return min(1.0, max(0.01, sum(found) / len(found))) if found else None


def _sampled(
    expert_NK: Any, sequence_N: Any, tokens: int, one_text: bool, random: np.random.Generator
) -> float | None:
    """Mean number of distinct experts over drawn sets of tokens."""
    first, length = np.unique(sequence_N, return_index=True, return_counts=True)[1:]
    if one_text:
        long = np.flatnonzero(length >= tokens)
        if not long.size:
            return None
        at = random.choice(long, _DRAWS)
        starts = first[at] + (random.random(_DRAWS) * (length[at] - tokens + 1)).astype(int)
        sets = [expert_NK[start : start + tokens] for start in starts]
    else:
        if len(first) < tokens:
            return None
        picks = [random.choice(len(first), tokens, replace=False) for _ in range(_DRAWS)]
        sets = [expert_NK[first[p] + (random.random(tokens) * length[p]).astype(int)] for p in picks]
    return float(np.mean([np.unique(each[each >= 0]).size for each in sets]))


def _alone(chances: list[float], distinct: float, most: float) -> float:
    """Independent tokens, from one to `most`, that touch so many experts on average."""
    low, high = 1.0, float(most)
    for _ in range(40):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if touched(chances, middle) < distinct else (low, middle)
    return low
