"""Distinct experts: exact cases, bounds, and a simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cost.coverage import even_variance, evenly_touched, touched


@pytest.mark.parametrize(
    ("experts", "chosen", "tokens", "expected"),
    [(16, 2, 129, 16.0), (64, 2, 197, 63.88), (128, 2, 197, 122.25), (8, 2, 1, 2.0)],
)
def test_uniform_table(experts, chosen, tokens, expected):
    assert evenly_touched(experts, chosen, tokens) == pytest.approx(expected, abs=0.05)
    assert touched([chosen / experts] * experts, tokens) == pytest.approx(
        evenly_touched(experts, chosen, tokens)
    )


def test_simulated_skewed_routing():
    random = np.random.default_rng(0)
    chances = random.dirichlet(np.full(12, 0.5))
    drawn = random.choice(12, size=(4000, 9), p=chances)
    simulated = np.mean([len(set(row)) for row in drawn])
    assert touched(chances.tolist(), 9) == pytest.approx(simulated, abs=0.08)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.integers(1, 10_000))
def test_bounds(chances, tokens):
    value = touched(chances, tokens)
    assert 0 <= value <= min(len(chances), sum(chances) * tokens) + 1e-9
    assert value <= touched(chances, tokens + 1) + 1e-12
    assert touched(chances, 1) == pytest.approx(sum(chances))


@pytest.mark.parametrize(("experts", "chosen", "tokens"), [(16, 2, 5), (8, 1, 8), (64, 6, 12)])
def test_even_variance_is_that_of_a_simulation(experts, chosen, tokens):
    random = np.random.default_rng(1)
    picked = random.random((4000, tokens, experts)).argsort(axis=2)[:, :, :chosen]
    simulated = np.var([len(np.unique(sets)) for sets in picked])
    assert even_variance(experts, chosen, tokens) == pytest.approx(simulated, rel=0.12)
    # Less than independent experts would have; one token takes so many, no more and no less.
    q = evenly_touched(1, chosen / experts, tokens)
    assert even_variance(experts, chosen, tokens) <= experts * q * (1 - q)
    assert even_variance(experts, chosen, 1) == pytest.approx(0, abs=1e-9)


def test_no_tokens_touch_nothing_and_nonsense_is_refused():
    assert touched([1.0, 0.5], 0) == 0
    with pytest.raises(ValueError, match="between 0 and 1"):
        touched([1.5], 2)
