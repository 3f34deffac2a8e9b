"""The graph on a page, and the data it is drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from components.assets import component

_HTML = '<div class="root graph"></div>'
#: Edges that are drawn: the strongest, some for each expert.
_EACH = 3


def graph(
    place_E2: npt.NDArray[np.float64],
    group_E: npt.NDArray[np.int64],
    load_E: npt.ArrayLike,
    lift_EE: npt.NDArray[np.float64],
    alt: str,
) -> dict[str, Any]:
    """Experts at their places; edges between pairs above chance, the strongest three of each expert.

    `group_E` is -1 for an expert without a pair. Discs grow with the share of the load.
    """
    load = np.asarray(load_E, np.float64)
    share = load / load.sum() if load.sum() else load
    alone_E = group_E < 0
    places = _spread(place_E2, ~alone_E)
    # Nothing pulls at who has no partner, so it would float far off: these stand in a row of their own.
    if alone_E.any():
        places[alone_E, 0] = np.linspace(0.0, 1.0, alone_E.sum())
        places[alone_E, 1] = 1.0
        places[~alone_E, 1] *= 0.86
    return {
        "nodes": [
            {
                "x": round(float(x), 4),
                "y": round(float(y), 4),
                "group": int(group),
                "share": round(float(part), 5),
            }
            for (x, y), group, part in zip(places, group_E, share, strict=True)
        ],
        "edges": [[a, b, round(float(lift_EE[a, b]), 3)] for a, b in edges(lift_EE)],
        "alt": alt,
    }


def _spread(place_E2: npt.NDArray[np.float64], some_E: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Places of some stretched to fill 0..1 both ways; of one alone, or without any, the middle."""
    found = np.full(place_E2.shape, 0.5)
    if some_E.sum() > 1:
        low, high = place_E2[some_E].min(axis=0), place_E2[some_E].max(axis=0)
        span = np.where(high > low, high - low, 1.0)
        found[some_E] = np.where(high > low, (place_E2[some_E] - low) / span, 0.5)
    return found


def edges(lift_EE: npt.NDArray[np.float64]) -> Sequence[tuple[int, int]]:
    """Pairs of experts that meet more often than by chance, of each expert at most the three strongest."""
    found = set()
    for expert, lift_E in enumerate(np.nan_to_num(lift_EE, nan=0.0)):
        strongest = np.argsort(-lift_E, kind="stable")[:_EACH]
        found |= {
            (min(expert, int(e)), max(expert, int(e))) for e in strongest if lift_E[e] > 1 and e != expert
        }
    return sorted(found)


def draw(data: dict[str, Any], *, key: str) -> None:
    """Draw `graph(...)`."""
    component("graph", _HTML)(data=data, key=key)
