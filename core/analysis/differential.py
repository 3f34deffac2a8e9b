"""Which experts one group of prompts uses and the others do not: functional resonance imaging of routing.

Maps of arXiv 2502.11096, with shares in place of counts, so that prompts of any length weigh the same.
P prompts, G groups of them, L layers that select, E experts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.analysis.arrays import TraceArrays
from core.analysis.errors import AnalysisError
from core.analysis.load import Ints
from core.analysis.reading import Reading, figure

Floats = npt.NDArray[np.float64]

SHUFFLES = 100


@dataclass(frozen=True)
class Prompts:
    """`share_PLE` [P, L, E] is each expert's part of what a prompt's tokens chose (rows sum to 1; NaN where a
    layer has fewer experts or chose nothing), `group_P` the domain of each prompt."""

    paths: tuple[str, ...]
    share_PLE: npt.NDArray[np.float64]
    group_P: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Differential:
    """`map_GLE` [G, L, E]: mean share of a group less the mean of the other groups'; every layer sums to 0.

    `beyond_chance` is what the largest cell of any map exceeds in 5 of 100 shuffles of the prompts.
    """

    names: tuple[str, ...]
    paths: tuple[str, ...]
    map_GLE: npt.NDArray[np.float64]
    beyond_chance: float
    reading: Reading

    def distinctive(self, group: int, number: int) -> list[tuple[int, int]]:
        """The (layer, expert) cells that a group uses most above the others, best first, at most `number`."""
        map_LE = np.nan_to_num(self.map_GLE[group], nan=-np.inf)
        order = np.argsort(-map_LE, axis=None, kind="stable")[:number]
        cells = np.stack(np.unravel_index(order, map_LE.shape), axis=1).tolist()
        return [(layer, expert) for layer, expert in cells if map_LE[layer, expert] > 0]


def prompts(trace: TraceArrays) -> Prompts:
    """Shares of every sequence, prompt tokens only: what was generated would leak the answer into the map.

    Choices count before capacity. Raises AnalysisError where no layer selects or no prompt was traced.
    """
    layers = [layer for layer in trace.layers if not layer.soft]
    tokens, of_T = trace.tokens, trace.tokens.phase == 0
    if not layers or not of_T.any():
        raise AnalysisError(
            "A map compares which experts prompts choose, and this trace has no prompt or no layer that"
            " chooses. To fix this, choose a run with a layer that selects, and trace a prompt."
        )
    _, first_P, prompt_T = np.unique(tokens.sequence[of_T], return_index=True, return_inverse=True)
    P, most = len(first_P), max(layer.experts for layer in layers)
    share_PLE = np.full((P, len(layers), most), np.nan)
    for i, layer in enumerate(layers):
        expert_TK = layer.expert[of_T].astype(np.int64)
        cell_TK = prompt_T[:, None] * layer.experts + expert_TK
        counts_PE = np.bincount(cell_TK[expert_TK >= 0], minlength=P * layer.experts).reshape(P, -1)
        whole_P1 = counts_PE.sum(axis=1, keepdims=True)
        own_PE = share_PLE[:, i, : layer.experts]
        np.divide(counts_PE, whole_P1, out=own_PE, where=whole_P1 > 0)
    return Prompts(
        tuple(layer.path for layer in layers), share_PLE, tokens.domain[of_T][first_P].astype(np.int64)
    )


def differential(
    share_PLE: npt.ArrayLike,
    group_P: Ints,
    names: tuple[str, ...],
    seed: int = 0,
    paths: tuple[str, ...] | None = None,
) -> Differential:
    """Maps of every group against the others. Groups are numbered as `names`; each needs two prompts.

    `paths` names the layers; without, they are counted from 1.

    Raises:
        AnalysisError: fewer than two groups, a group of fewer than two prompts, or one that chose nothing.
    """
    share = np.asarray(share_PLE, np.float64)
    sizes = np.bincount(group_P, minlength=len(names))
    if len(names) < 2 or sizes.min() < 2:
        raise AnalysisError(
            "A map compares groups of prompts: it takes two groups, with two prompts each. To fix this,"
            " choose more prompts or fewer groups."
        )
    there = np.isfinite(share).reshape(len(share), -1).astype(np.float64)
    known = np.nan_to_num(share).reshape(len(share), -1)
    map_GLE = _maps(known, there, group_P, len(names)).reshape(len(names), *share.shape[1:])
    if not np.isfinite(map_GLE).any():
        raise AnalysisError(
            "A map compares which experts prompts choose, and in no layer did prompts of every group choose"
            " one. To fix this, choose other prompts."
        )
    rng = np.random.default_rng(seed)
    largest = [
        np.nanmax(np.abs(_maps(known, there, rng.permutation(group_P), len(names)))) for _ in range(SHUFFLES)
    ]
    beyond_chance = float(np.quantile(largest, 0.95))
    paths = paths or tuple(f"layer {layer + 1}" for layer in range(share.shape[1]))
    return Differential(names, paths, map_GLE, beyond_chance, _reading(names, paths, map_GLE, beyond_chance))


def _maps(known_PX: Floats, there_PX: Floats, group_P: Ints, groups: int) -> Floats:
    """Group means less the mean of the other groups' means [G, X], of what is known."""
    member_GP = (group_P == np.arange(groups)[:, None]).astype(np.float64)
    sums, number = member_GP @ known_PX, member_GP @ there_PX
    mean_GX = np.full_like(sums, np.nan)
    np.divide(sums, number, out=mean_GX, where=number > 0)
    others_GX = (mean_GX.sum(axis=0) - mean_GX) / (groups - 1)
    return np.asarray(mean_GX - others_GX)


def _reading(
    names: tuple[str, ...], paths: tuple[str, ...], map_GLE: npt.NDArray[np.float64], beyond_chance: float
) -> Reading:
    group, layer, expert = np.unravel_index(int(np.nanargmax(map_GLE)), map_GLE.shape)
    largest = 100 * map_GLE[group, layer, expert]
    shows = f"Most distinctive is expert {expert} of {paths[layer]}: {names[group]} sends it"
    shows += f" {figure(largest)} percentage points more of its choices than the others do."
    number = int((np.abs(map_GLE[group]) > beyond_chance).sum())
    chance = f"Shuffled prompts reach {figure(100 * beyond_chance)} points in 5 of 100 cases;"
    chance += f" {number} cells of {names[group]} lie beyond."
    trap = "A distinctive expert need not matter: what it does is known only after switching it off, against"
    return Reading(shows, f"{trap} as many experts of like usage.", chance)
