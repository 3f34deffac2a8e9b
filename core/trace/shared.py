"""The same tokens in two traces of a run: what lets one checkpoint be compared with another. NumPy only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.trace.errors import TraceError
from core.trace.record import Tokens, Trace

Index = npt.NDArray[np.int64]


def shared(small: Trace, large: Trace) -> tuple[Index, Index]:
    """Places of the same tokens, in the same order, in a trace and in a larger one of the same held-out set.

    Both trace the first examples of each domain, so an example is known by its domain and its number there.

    Raises:
        TraceError: other domains, or other tokens under the same number.
    """
    ours, theirs = _numbered(small.tokens), _numbered(large.tokens)
    order, other = np.argsort(ours, kind="stable"), np.argsort(theirs, kind="stable")
    found = other[np.isin(theirs[other], ours)]
    order = order[np.isin(ours[order], theirs)]
    same = small.domains == large.domains and np.array_equal(
        small.tokens.token[order], large.tokens.token[found]
    )
    if not same or not len(order):
        raise TraceError(
            f"The traces of steps {small.header.checkpoint:,} and {large.header.checkpoint:,} are not of the"
            " same tokens. To fix this, compare traces of one run."
        )
    return order, found


def _numbered(tokens: Tokens) -> Index:
    """A number for each token [N]: its domain, the number of its example there, its position."""
    sequence, first, of_N = np.unique(tokens.sequence, return_index=True, return_inverse=True)
    domain = tokens.domain[first].astype(np.int64)
    rank = np.zeros(len(sequence), np.int64)
    for name in np.unique(domain):
        rank[domain == name] = np.arange((domain == name).sum())
    return np.asarray((domain[of_N] << 48) + (rank[of_N] << 24) + tokens.position, np.int64)
