"""The router's weights as directions: which experts look for the same thing.

E experts, D width of the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.analysis.errors import AnalysisError
from core.analysis.reading import Reading, figure

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Geometry:
    """Rows of a router [E, D]: `norm_E`, `cosine_EE`, and `place_E2`, their directions on the plane that
    keeps most of their differences, `kept` of them. `rank` is how many directions they span in effect, at
    most min(E, D). `norm_load` correlates norms with load, None where one of them does not vary. `chance` is
    the mean size of a cosine of random directions."""

    norm_E: Floats
    cosine_EE: Floats
    place_E2: Floats
    kept: float
    rank: float
    norm_load: float | None
    chance: float
    reading: Reading


def geometry(router_ED: npt.ArrayLike, load_E: npt.ArrayLike | None = None) -> Geometry:
    """Directions of one router. Raises AnalysisError for fewer than two rows or a row of zeros."""
    router = np.asarray(router_ED, np.float64)
    if router.ndim != 2 or len(router) < 2 or not (norm_E := np.linalg.norm(router, axis=1)).all():
        raise AnalysisError(
            "Directions need two experts, and a row of the router that is not zero for each. To fix this,"
            " choose a layer with a trained linear router."
        )
    unit_ED = router / norm_E[:, None]
    cosine_EE = np.clip(unit_ED @ unit_ED.T, -1, 1)
    np.fill_diagonal(cosine_EE, 1)
    place_E2, kept = _plane(unit_ED)
    size = np.linalg.svd(unit_ED, compute_uv=False) ** 2
    p = size[size > 0] / size.sum()
    chance = float(np.sqrt(2 / (np.pi * router.shape[1])))
    upper = np.triu_indices(len(router), 1)
    i, j = (int(axis[int(cosine_EE[upper].argmax())]) for axis in upper)
    shows = f"Most alike in what they look for are experts {i} and {j} (cosine {figure(cosine_EE[i, j])});"
    rank = float(np.exp(-(p * np.log(p)).sum()))
    shows += f" the {len(router)} rows span {figure(rank)} directions in effect."
    trap = "The plane is a shadow of many dimensions: near on it need not be near in the router."
    return Geometry(
        norm_E,
        cosine_EE,
        place_E2,
        kept,
        rank,
        _correlation(norm_E, load_E),
        chance,
        Reading(shows, trap, f"Random directions have a cosine of {figure(chance)} in size on average."),
    )


def _plane(unit_ED: Floats) -> tuple[Floats, float]:
    centred_ED = unit_ED - unit_ED.mean(axis=0)
    left, size, _ = np.linalg.svd(centred_ED, full_matrices=False)
    # Singular vectors have no sign of their own: the largest entry is made positive.
    left = left * np.sign(np.take_along_axis(left, np.abs(left).argmax(axis=0)[None], axis=0))
    place_E2 = np.zeros((len(unit_ED), 2))
    axes = min(2, len(size))
    place_E2[:, :axes] = (left * size)[:, :axes]
    whole = (size**2).sum()
    return place_E2, float((size[:2] ** 2).sum() / whole) if whole else 1.0


def _correlation(norm_E: Floats, load_E: npt.ArrayLike | None) -> float | None:
    if load_E is None:
        return None
    load = np.asarray(load_E, np.float64)
    if np.ptp(load) == 0 or np.ptp(norm_E) == 0:
        return None
    return float(np.corrcoef(norm_E, load)[0, 1])
