"""Specialization by hand, its bounds, and its chance level."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.analysis import specialization as analysis
from core.analysis.specialization import chance, domain_expert, merged, shuffled, specialization, units

COUNTS = arrays(np.int64, st.tuples(st.integers(2, 6), st.integers(1, 9)), elements=st.integers(0, 1000))


def test_counts_are_of_accepted_choices() -> None:
    domain = np.array([0, 1, 1], np.int16)
    expert = np.array([[0, 2], [2, -1], [1, 2]], np.int16)
    accepted = np.array([[True, True], [True, False], [True, False]])
    assert domain_expert(domain, expert, accepted, 2, 3).tolist() == [[1, 0, 1], [0, 1, 1]]


def test_by_hand() -> None:
    assert specialization(np.array([[5, 0], [0, 5]])) == pytest.approx(1, abs=1e-12)
    assert specialization(np.array([[5, 5], [5, 5]])) == pytest.approx(0, abs=1e-12)
    assert specialization(np.array([[1, 0, 0, 0], [0, 1, 1, 1]])) == pytest.approx(1, abs=1e-12)
    # Joint 1/2, 1/4, 0, 1/4: H(D) = H(3/4, 1/4), H(X) = ln 2, H(D, X) = 1.5 ln 2.
    of_domain = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    expected = (of_domain + math.log(2) - 1.5 * math.log(2)) / of_domain
    assert specialization(np.array([[2, 1], [0, 1]])) == pytest.approx(expected, abs=1e-12)


def test_without_two_domains_there_is_nothing_to_tell() -> None:
    assert specialization(np.zeros((3, 4))) is None
    assert specialization(np.array([[3, 4], [0, 0]])) is None
    assert chance(np.array([[3, 4]]), np.array([0]), 2) is None


@given(COUNTS, st.integers(1, 50))
def test_bounds_and_scale(counts: np.ndarray, factor: int) -> None:
    value = specialization(counts)
    if value is not None:
        assert 0 <= value <= 1
        assert specialization(counts * factor) == pytest.approx(value, abs=1e-9)
        assert specialization(np.concatenate([counts, counts], axis=1)) == pytest.approx(value, abs=1e-9)


@given(COUNTS, st.randoms(use_true_random=False))
def test_names_do_not_matter(counts: np.ndarray, random) -> None:
    rows = random.sample(range(len(counts)), len(counts))
    columns = random.sample(range(counts.shape[1]), counts.shape[1])
    value, other = specialization(counts), specialization(counts[rows][:, columns])
    assert (value is None) == (other is None)
    assert value is None or other == pytest.approx(value, abs=1e-9)


def test_chance_is_seeded_and_below_a_perfect_split() -> None:
    domain = np.arange(60) % 3
    counts = np.eye(3, dtype=int)[domain] * 64
    level = chance(counts, domain, 3)
    assert level is not None
    assert level == chance(counts, domain, 3)
    assert 0 < level.mean < level.high < 0.2
    assert specialization(np.eye(3)) == pytest.approx(1)


def test_shuffling_tokens_would_make_chance_look_too_small() -> None:
    """Examples that keep to one expert each look specialized, whatever their domain."""
    rng = np.random.default_rng(0)
    domain, favourite = np.repeat([0, 1], 10), rng.integers(4, size=20)
    of_examples = chance(np.eye(4)[favourite] * 64, domain, 2)
    of_tokens = chance(np.repeat(np.eye(4)[favourite], 64, axis=0), np.repeat(domain, 64), 2)
    assert of_examples is not None
    assert of_tokens is not None
    assert of_tokens.high < of_examples.mean / 10


def test_a_unit_is_what_an_example_has_of_one_domain() -> None:
    sequence = np.array([0, 0, 1, 1, 1])
    domain = np.array([0, 0, 1, 1, 0])
    expert = np.array([[0], [1], [1], [1], [0]])
    unit_T, domain_U = units(sequence, domain)
    counts = domain_expert(unit_T, expert, expert >= 0, len(domain_U), 2)
    assert counts.tolist() == [[1, 1], [1, 0], [0, 2]]
    assert domain_U.tolist() == [0, 0, 1]
    assert merged(counts, domain_U, 3).tolist() == [[2, 1], [0, 2], [0, 0]]
    np.testing.assert_array_equal(
        merged(counts, domain_U, 2), domain_expert(domain, expert, expert >= 0, 2, 2)
    )


def test_shuffles_in_parts_are_the_shuffles_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, domain = np.random.default_rng(1).integers(0, 9, (30, 4)), np.arange(30) % 3
    whole = shuffled(counts, domain, 3, shuffles=7)
    assert (whole.sum(axis=1) == counts.sum(axis=0)).all()
    monkeypatch.setattr(analysis, "AT_ONCE", 2 * 3 * 30)
    np.testing.assert_array_equal(shuffled(counts, domain, 3, shuffles=7), whole)
