"""Labels dealt to tokens at random, the way that chance would have to deal them.

Neighbours resemble each other: they share a label, and they share experts. A null that shuffles single tokens
breaks both and calls everything remarkable. Here labels keep their neighbours: the labels of whole sequences
change places, and inside a sequence they are turned like a ring.
T tokens, S shuffles.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.analysis.errors import AnalysisError
from core.analysis.load import Bools, Ints

SHUFFLES = 20


def dealt(sequence_T: Ints, shuffles: int = SHUFFLES, seed: int = 0) -> npt.NDArray[np.int64]:
    """Tokens [S, T] from which each token takes its label in a shuffle: `label_T[dealt[s]]`.

    Tokens of one sequence need not lie together.
    """
    T = len(sequence_T)
    order_T = np.argsort(sequence_T, kind="stable")
    _, length_S = np.unique(sequence_T, return_counts=True)
    start_S = np.concatenate([[0], np.cumsum(length_S)[:-1]]).astype(np.int64)
    found = np.empty((shuffles, T), np.int64)
    for shuffle in range(shuffles):
        rng = np.random.default_rng([seed, shuffle])
        dealt_S = rng.permutation(len(length_S))
        turn_S = rng.integers(0, length_S)
        lengths = length_S[dealt_S]
        before = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        inside = np.arange(T) - np.repeat(before - turn_S[dealt_S], lengths)
        whole = np.repeat(lengths, lengths)
        inside -= whole * (inside >= whole)
        found[shuffle, order_T] = order_T[np.repeat(start_S[dealt_S], lengths) + inside]
    return found


def held_out(sequence_T: Ints, seed: int = 0) -> Bools:
    """The tokens [T] of a random half of the sequences: what was found in the others is measured here.

    Raises:
        AnalysisError: there are not two sequences.
    """
    sequences, of_T = np.unique(sequence_T, return_inverse=True)
    if len(sequences) < 2:
        raise AnalysisError(
            "What is found in one half of the examples is checked on the other, and there are not two"
            " examples. To fix this, trace more tokens."
        )
    half_S = np.random.default_rng(seed).permutation(len(sequences)) < len(sequences) // 2
    return np.asarray(half_S[of_T])
