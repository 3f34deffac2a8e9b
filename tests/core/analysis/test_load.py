"""Load figures by hand, and what holds for every load."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.analysis.load import (
    cv,
    dead,
    drop_rate,
    load,
    max_violation,
    per_token,
    router_entropy,
    unserved,
)

LOADS = st.lists(st.integers(0, 10**6), min_size=1, max_size=64)


def test_load_counts_accepted_choices_only() -> None:
    expert = np.array([[0, 1], [1, -1], [3, 1]], np.int16)
    accepted = np.array([[True, True], [True, False], [True, False]])
    assert load(expert, accepted, 4).tolist() == [1, 2, 0, 1]
    assert per_token(accepted) == 4 / 3
    assert unserved(accepted) == 0
    assert unserved(np.array([[False, False], [True, False]])) == 0.5


def test_figures_of_a_load_by_hand() -> None:
    assert cv([2, 2, 2, 2]) == 0
    assert cv([4, 0]) == 1
    assert cv([8, 0, 0, 0]) == math.sqrt(3)
    assert max_violation([8, 0, 0, 0]) == 3
    assert max_violation([3, 1]) == 0.5
    assert dead([8, 0, 0, 1]) == 2
    assert drop_rate(3, 4) == 0.25


def test_nothing_routed() -> None:
    assert (cv([0, 0]), max_violation([0, 0]), dead([0, 0]), drop_rate(0, 0)) == (0, 0, 2, 0)
    none = np.zeros((0, 2), bool)
    assert (unserved(none), per_token(none), router_entropy(np.zeros(0), 4)) == (0, 0, None)
    assert load(np.zeros((0, 2), np.int16), none, 3).tolist() == [0, 0, 0]


def test_router_entropy_is_over_its_maximum() -> None:
    assert router_entropy(np.full(5, math.log(8)), 8) == pytest.approx(1, abs=1e-12)
    assert router_entropy(np.array([0.0, math.log(4)]), 4) == pytest.approx(0.5, abs=1e-12)
    assert router_entropy(np.zeros(5), 1) is None


@given(LOADS)
def test_bounds(counts: list[int]) -> None:
    E = len(counts)
    assert 0 <= cv(counts) <= math.sqrt(E - 1) + 1e-9
    assert -1e-12 <= max_violation(counts) <= E - 1 + 1e-9
    assert (max_violation(counts) == pytest.approx(0, abs=1e-12)) == (len(set(counts)) == 1)


@given(LOADS, st.integers(1, 9), st.randoms(use_true_random=False))
def test_order_and_scale_do_not_matter(counts: list[int], factor: int, random) -> None:
    other = [count * factor for count in random.sample(counts, len(counts))]
    assert cv(other) == pytest.approx(cv(counts), abs=1e-9)
    assert max_violation(other) == pytest.approx(max_violation(counts), abs=1e-9)
    assert dead(other) == dead(counts)
