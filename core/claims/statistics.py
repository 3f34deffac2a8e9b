"""Paired differences and their bootstrap interval. Torch-free.

n pairs, one for each seed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEVEL = 0.95
#: What is closer to nought than this is left over from rounding sums of 64-bit numbers near one.
NOUGHT = 1e-15
#: Up to this many resamples all of them are enumerated (n^n: six pairs), beyond it this many are drawn.
RESAMPLES = 50_000


@dataclass(frozen=True)
class Estimate:
    """A mean with its interval, and `effect`: the mean over the deviation of single pairs (Cohen's d_z).

    `effect` is None where all pairs are equal: nothing varies that the mean could be compared with.
    """

    mean: float
    low: float
    high: float
    effect: float | None
    pairs: int


def estimate(differences: Sequence[float], level: float = LEVEL) -> Estimate:
    """The mean of paired differences and its expanded percentile bootstrap interval.

    The plain percentile interval of few pairs is too narrow, because resampling loses the factor n / (n - 1)
    of the variance and knows no Student quantile; taking the percentiles further out makes up for both
    (Hesterberg, arXiv 1411.5279, section 3.3). Up to six pairs all n^n resamples are counted, so the interval
    is exact; beyond, they are drawn with a fixed seed. The same numbers always give the same interval.

    Raises:
        ValueError: fewer than two pairs, or a difference that is not finite.
    """
    values = np.asarray(differences, np.float64)
    if len(values) < 2 or not np.isfinite(values).all():
        raise ValueError("An interval needs at least two pairs of finite numbers.")
    means = np.sort(_resampled_means(values))
    tail = expanded_tail(len(values), level)
    low, high = np.quantile(means, [tail, 1 - tail])
    spread = float(values.std(ddof=1))
    mean = float(values.mean())
    flat = spread <= 1e-12 * max(1.0, abs(mean))
    return Estimate(mean, float(low), float(high), None if flat else mean / spread, len(values))


@cache
def expanded_tail(n: int, level: float = LEVEL) -> float:
    """The tail whose normal quantile is sqrt(n / (n - 1)) times Student's with n - 1 degrees of freedom."""
    return NormalDist().cdf(-student_quantile(0.5 + level / 2, n - 1) * (n / (n - 1)) ** 0.5)


def student_quantile(p: float, degrees: int) -> float:
    """Student's t quantile for p in (0.5, 1): the density, integrated by Simpson's rule, and bisection."""
    scale = math.exp(math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)) / math.sqrt(degrees * math.pi)

    def above_half(x: float) -> float:
        # With x = sqrt(degrees) tan(angle) the integrand is a power of a cosine on a short interval.
        angle = np.linspace(0.0, math.atan(x / math.sqrt(degrees)), 2001)
        density = np.cos(angle) ** (degrees - 1)
        weight = np.where(np.arange(2001) % 2, 4.0, 2.0)
        weight[[0, -1]] = 1.0
        return float(scale * math.sqrt(degrees) * (weight @ density) * angle[1] / 3)

    low, high = 0.0, 1e6
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if 0.5 + above_half(middle) < p else (low, middle)
    return (low + high) / 2


def _resampled_means(values: Floats) -> Floats:
    n = len(values)
    if n**n <= RESAMPLES:
        drawn = np.indices((n,) * n).reshape(n, -1)
    else:
        drawn = np.random.default_rng(n).integers(0, n, (n, RESAMPLES))
    means: Floats = values[drawn].mean(axis=0)
    return means
