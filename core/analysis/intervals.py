"""What a counted share can be trusted for."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import numpy.typing as npt


def wilson_low(counts: npt.ArrayLike, of: npt.ArrayLike, looks: int = 1) -> npt.NDArray[np.float64]:
    """The lower end of the one-sided 95 % interval of `counts` out of `of` (Wilson, 1927); 0 of nothing.

    `looks`: shares that are looked at to find the largest one. With many, one of them is large by chance, so
    each has to be surer (Bonferroni). Picks are taken as independent, which tokens of one example are not.
    """
    of = np.asarray(of, np.float64)
    share = np.divide(counts, of, out=np.zeros(np.broadcast_shapes(np.shape(counts), of.shape)), where=of > 0)
    z = NormalDist().inv_cdf(1 - 0.05 / max(1, looks))
    n = np.maximum(of, 1)
    spread = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.asarray(np.maximum(0, share + z**2 / (2 * n) - spread) / (1 + z**2 / n))
