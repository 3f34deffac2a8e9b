"""How evenly a layer uses its experts. One definition, for training, traces and pages alike.

T tokens, E experts, K choices a token. `selected` counts choices before capacity, `load` those accepted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]


def load(expert_TK: Ints, accepted_TK: Bools, experts: int) -> npt.NDArray[np.int64]:
    """Accepted tokens of each expert [E]. Choices of -1 are none."""
    return np.bincount(expert_TK[accepted_TK & (expert_TK >= 0)], minlength=experts).astype(np.int64)


def cv(load_E: npt.ArrayLike) -> float:
    """Coefficient of variation: population standard deviation over mean; 0 where nothing was routed."""
    load = np.asarray(load_E, np.float64)
    mean = load.mean()
    return float(load.std() / mean) if mean else 0.0


def max_violation(load_E: npt.ArrayLike) -> float:
    """MaxVio: the busiest expert over the mean, minus 1 (arXiv 2408.15664); 0 where nothing was routed."""
    load = np.asarray(load_E, np.float64)
    mean = load.mean()
    return float(load.max() / mean - 1) if mean else 0.0


def dead(load_E: npt.ArrayLike) -> int:
    """Experts without a single token."""
    return int((np.asarray(load_E) == 0).sum())


def drop_rate(accepted: float, selected: float) -> float:
    """Share of the choices that capacity dropped; 0 where there were none."""
    return 1.0 - accepted / selected if selected else 0.0


def unserved(accepted_TK: Bools) -> float:
    """Share of the tokens that no expert took."""
    return float((~accepted_TK.any(axis=1)).mean()) if len(accepted_TK) else 0.0


def per_token(accepted_TK: Bools) -> float:
    """Mean number of experts that took a token."""
    return float(accepted_TK.sum() / len(accepted_TK)) if len(accepted_TK) else 0.0


def router_entropy(entropy_T: Floats, experts: int) -> float | None:
    """Mean entropy of the router's distribution over ln E: 0 is certain, 1 is undecided.

    `entropy_T` in nats. None with a single expert, or without tokens: there is nothing to decide.
    """
    if experts < 2 or not len(entropy_T):
        return None
    return float(np.asarray(entropy_T, np.float64).mean() / np.log(experts))
