"""How many tokens of each group go to each expert: the one pass that most analyses count with.

T tokens, K choices of a token, G groups (values of a label), E experts.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import numpy.typing as npt

from core.analysis.load import Bools, Ints

#: Labels are counted together while their groups and the experts have no more cells than this: each pass over
#: the choices then serves several labels, and the cells stay in the processor's cache.
CELLS = 1 << 16

Counts = npt.NDArray[np.int64]
#: What every token is [T], and how many values that may have.
Grouped = tuple[Ints, int]


def taken(expert_TK: Ints, accepted_TK: Bools, experts: int) -> Counts:
    """Accepted choices [K, T], E for none."""
    known_TK = np.where(accepted_TK & (expert_TK >= 0), expert_TK, experts)
    return known_TK.T.astype(np.int64, order="C")


def tally(labels: Sequence[Grouped], taken_KT: Counts, experts: int) -> list[Counts]:
    """Accepted assignments [G, E] of each label's groups to each expert, in the order of the labels."""
    found: list[Counts] = []
    for together in _together(labels, experts + 1):
        sizes = [groups for _, groups in together]
        key_T = np.zeros(taken_KT.shape[1], np.int64)
        for label_T, groups in together:
            key_T = key_T * groups + label_T
        key_T *= experts + 1
        cells = np.zeros(prod(sizes) * (experts + 1), np.int64)
        for expert_T in taken_KT:
            cells += np.bincount(key_T + expert_T, minlength=len(cells))
        counts = cells.reshape(*sizes, experts + 1)[..., :experts]
        for axis in range(len(sizes)):
            others = tuple(other for other in range(len(sizes)) if other != axis)
            found.append(counts.sum(axis=others))
    return found


def _together(labels: Sequence[Grouped], columns: int) -> list[list[Grouped]]:
    """Labels in order, in lists whose cells stay within bounds; one alone may exceed them."""
    lists: list[list[Grouped]] = []
    cells = CELLS + 1
    for label in labels:
        cells *= label[1]
        if cells > CELLS:
            lists.append([])
            cells = columns * label[1]
        lists[-1].append(label)
    return lists
