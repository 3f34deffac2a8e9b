"""Experts to compare a choice of experts with: other ones that are used about as much.

Masking a busy expert hurts because it is busy. What a choice of experts does can only be told from what as
many others of the same layers, with like usage, do (pitfalls of arXiv 2502.11096 at small scale).
L layers, E experts, D draws, C cells; a cell is a (layer, expert).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.analysis.errors import AnalysisError
from core.analysis.reading import Reading, counted, figure
from core.design.saying import number

DRAWS = 20
#: A control is drawn among this many experts of the nearest usage: few enough to be alike, enough to differ.
NEAREST = 3


@dataclass(frozen=True)
class Controls:
    """`cells_DC2` [D, C, 2] stand in for the given cells, in their order; `usage` is the sum over those given
    and `usage_D` over each draw. `distinct` counts draws that differ as sets."""

    cells_DC2: npt.NDArray[np.int64]
    usage: float
    usage_D: npt.NDArray[np.float64]
    distinct: int
    reading: Reading


def usage_matched(
    load_LE: npt.ArrayLike, cells: Sequence[tuple[int, int]], draws: int = DRAWS, seed: int = 0
) -> Controls:
    """For each cell another expert of its layer, drawn among the three of nearest usage that are still free.

    `load_LE` counts the tokens of each expert, NaN where a layer has fewer experts. No control is one of the
    cells, and none comes twice in a draw. Draw d is a function of `seed` and d alone.

    Raises:
        AnalysisError: no cells, a cell that is not there or comes twice, or too few others in a layer.
    """
    load = np.asarray(load_LE, np.float64)
    _check(load, cells, draws)
    found = np.array([_draw(load, cells, [seed, draw]) for draw in range(draws)], np.int64)
    layer_C, expert_C = np.array(cells, np.int64).T
    usage = float(load[layer_C, expert_C].sum())
    usage_D = load[found[..., 0], found[..., 1]].sum(axis=1)
    distinct = len({frozenset(map(tuple, draw)) for draw in found.tolist()})
    return Controls(found, usage, usage_D, distinct, _reading(len(cells), usage, usage_D, distinct))


def _draw(
    load: npt.NDArray[np.float64], cells: Sequence[tuple[int, int]], seed: list[int]
) -> list[tuple[int, int]]:
    """One control for each cell. Cells are served in random order, so none always gets the best match."""
    rng = np.random.default_rng(seed)
    free = np.isfinite(load)
    for cell in cells:
        free[cell] = False
    found = dict.fromkeys(cells, (0, 0))
    for i in rng.permutation(len(cells)):
        layer, expert = cells[i]
        others = np.flatnonzero(free[layer])
        near = np.argsort(np.abs(load[layer, others] - load[layer, expert]), kind="stable")[:NEAREST]
        other = int(others[rng.choice(near)])
        free[layer, other] = False
        found[cells[i]] = (layer, other)
    return [found[cell] for cell in cells]


def _check(load: npt.NDArray[np.float64], cells: Sequence[tuple[int, int]], draws: int) -> None:
    if draws < 1 or not cells:
        raise AnalysisError(
            "Controls stand in for chosen experts, and none were chosen or no draws asked for. To fix this,"
            " choose at least one expert and one draw."
        )
    for layer, expert in cells:
        if not (0 <= layer < load.shape[0] and 0 <= expert < load.shape[1]) or np.isnan(load[layer, expert]):
            raise AnalysisError(
                f"There is no expert {expert} in layer {layer}. To fix this, choose experts of the map."
            )
    if len(set(cells)) < len(cells):
        raise AnalysisError("An expert was chosen twice. To fix this, name every expert once.")
    for layer in {layer for layer, _ in cells}:
        chosen = sum(1 for of, _ in cells if of == layer)
        experts = int(np.isfinite(load[layer]).sum())
        if experts - chosen < chosen:
            raise AnalysisError(
                f"Layer {layer} has {experts} experts and {chosen} of them were chosen, so there are not as"
                f" many others to compare with. To fix this, choose at most {experts // 2} of that layer."
            )


def _reading(cells: int, usage: float, usage_D: npt.NDArray[np.float64], distinct: int) -> Reading:
    ratio = float(usage_D.mean()) / usage if usage else float("nan")
    return Reading(
        shows=f"{counted(len(usage_D), 'draw')} of {counted(cells, 'other expert')} from the same layers,"
        f" {number(distinct)} of them different.",
        chance=f"They have {figure(ratio)} times the usage of the chosen ones." if usage else None,
        trap="Switching off a busy expert hurts because it is busy: the controls are about as busy.",
    )
