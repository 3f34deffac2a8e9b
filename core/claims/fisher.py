"""Fisher information of a mixture of two Gaussian experts in one dimension (arXiv 2401.13875).

p(y | x) = sum_i g_i(x) N(y; a_i x + c_i, s_i^2) with g = softmax_i(phi(w_i x) / t + b_i). Where phi is linear
or ReLU, (w, t) and (c w, c t) are the same model for every c > 0, so the information has a zero direction and
no data can tell weights from temperature; a sigmoid, tanh or GELU removes it. NumPy alone; exact but for the
quadrature over x (Gauss-Hermite) and y (a fine grid).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from difflib import get_close_matches

import numpy as np
import numpy.typing as npt

from core.claims.errors import ClaimError

Floats = npt.NDArray[np.float64]

POINTS_X, POINTS_Y, REACH = 48, 1601, 9.0
_ROOT2 = math.sqrt(2.0)
_erf = np.vectorize(math.erf, otypes=[np.float64])


def _sigmoid(z: Floats) -> Floats:
    return 1 / (1 + np.exp(-z))


def _gelu_slope(z: Floats) -> Floats:
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    slope: Floats = (1 + _erf(z / _ROOT2)) / 2 + z * density
    return slope


#: Gate -> (phi, its slope).
GATES: dict[str, tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]] = {
    "linear": (lambda z: z, np.ones_like),
    "relu": (lambda z: np.maximum(z, 0.0), lambda z: (z > 0).astype(np.float64)),
    "sigmoid": (_sigmoid, lambda z: _sigmoid(z) * (1 - _sigmoid(z))),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "gelu": (lambda z: z * (1 + _erf(z / _ROOT2)) / 2, _gelu_slope),
}


def smallest_eigenvalue(gate: str, seed: int) -> float:
    """The smallest eigenvalue of the information at true parameters drawn from `seed`.

    Free are w_1, w_2, t, b_1, both experts' a, c and log s; b_2 is 0, since only differences of b count. With
    a linear gate only the difference of w counts too, so w_2 is held as well: what is left is the freedom
    that the temperature adds. Raises ClaimError for an unknown gate.
    """
    if gate not in GATES:
        near = get_close_matches(gate, GATES, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ClaimError(
            f"There is no gate {gate[:40]!r}.{hint} To fix this, use one of: {', '.join(GATES)}."
        )
    rng = np.random.default_rng([16, seed])
    w = rng.uniform(0.8, 1.6, 2) * np.array([1.0, -1.0])
    b, t = np.array([rng.uniform(-0.5, 0.5), 0.0]), float(rng.uniform(0.6, 1.2))
    a, c = rng.uniform(0.8, 1.6, 2) * np.array([1.0, -1.0]), rng.uniform(-1.0, 1.0, 2)
    information = _information(gate, w, b, t, a, c, rng.uniform(0.6, 1.0, 2))
    free = [n for n in range(len(information)) if gate != "linear" or n != 1]
    return float(np.linalg.eigvalsh(information[np.ix_(free, free)])[0])


def _information(gate: str, w: Floats, b: Floats, t: float, a: Floats, c: Floats, s: Floats) -> Floats:
    """The matrix over (w_1, w_2, t, b_1, a_1, a_2, c_1, c_2, log s_1, log s_2), with x standard normal."""
    phi, slope = GATES[gate]
    nodes_X, weight_X = np.polynomial.hermite_e.hermegauss(POINTS_X)
    total = np.zeros((10, 10))
    for x, share in zip(nodes_X, weight_X / weight_X.sum(), strict=True):
        z_I = w * x
        logit_I = phi(z_I) / t + b
        gate_I = np.exp(logit_I - logit_I.max())
        gate_I /= gate_I.sum()
        mean_I = a * x + c
        y_Y = np.linspace((mean_I - REACH * s).min(), (mean_I + REACH * s).max(), POINTS_Y)
        off_IY = (y_Y - mean_I[:, None]) / s[:, None]
        part_IY = gate_I[:, None] * np.exp(-(off_IY**2) / 2) / (s[:, None] * math.sqrt(2 * math.pi))
        density_Y = part_IY.sum(axis=0)
        owner_IY = part_IY / np.maximum(density_Y, 1e-300)
        surprise_IY = owner_IY - gate_I[:, None]
        of_w_IY = surprise_IY * (slope(z_I) * x / t)[:, None]
        of_t_Y = -(surprise_IY * (phi(z_I) / t**2)[:, None]).sum(axis=0)
        of_mean_IY = owner_IY * off_IY / s[:, None]
        of_scale_IY = owner_IY * (off_IY**2 - 1)
        score_PY = np.vstack(
            [of_w_IY, of_t_Y[None], surprise_IY[:1], of_mean_IY * x, of_mean_IY, of_scale_IY]
        )
        total += share * (score_PY * density_Y) @ score_PY.T * (y_Y[1] - y_Y[0])
    return total
