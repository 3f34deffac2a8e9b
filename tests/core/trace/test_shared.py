from dataclasses import replace

import numpy as np
import pytest

from core.trace.errors import TraceError
from core.trace.record import Trace
from core.trace.shared import shared
from tests.core.trace.make import make_trace


def part(trace: Trace, kept: np.ndarray) -> Trace:
    """Some tokens of a trace, in another order and with sequences numbered anew."""
    columns = {name: column[kept] for name, column in vars(trace.tokens).items()}
    _, columns["sequence"] = np.unique(columns["sequence"], return_inverse=True)
    tokens = replace(trace.tokens, **columns)
    return replace(trace, header=trace.header.model_copy(update={"tokens": len(kept)}), tokens=tokens)


def test_the_first_examples_of_each_domain_are_found_again():
    large = make_trace(8)
    # Two sequences of four tokens, one a domain: the small trace has the second domain first.
    small = part(large, np.array([4, 5, 6, 7, 0, 1, 2, 3]))
    ours, theirs = shared(small, large)
    np.testing.assert_array_equal(small.tokens.token[ours], large.tokens.token[theirs])
    assert sorted(theirs.tolist()) == list(range(8))


def test_a_smaller_trace_is_found_within_a_larger_one():
    large = make_trace(8)
    small = part(large, np.array([4, 5, 6, 7]))
    ours, theirs = shared(small, large)
    assert (ours.tolist(), theirs.tolist()) == ([0, 1, 2, 3], [4, 5, 6, 7])


def test_other_tokens_are_refused():
    large = make_trace(8)
    other = replace(large, tokens=replace(large.tokens, token=large.tokens.token + 1))
    with pytest.raises(TraceError, match="not of the same tokens"):
        shared(other, large)
