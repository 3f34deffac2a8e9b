"""How alike tokens choose, on traces whose answer is known."""

import numpy as np
import pytest

from core.cost.alike import exponent

E, K, SEQUENCES, LONG = 64, 2, 64, 64
SEQUENCE_N = np.repeat(np.arange(SEQUENCES), LONG)


def drawn(experts_of_S):
    """K different experts of each token, from those that its sequence keeps to."""
    random = np.random.default_rng(0)
    return np.stack([random.choice(experts_of_S[s], K, replace=False) for s in SEQUENCE_N]).astype(np.int16)


def test_tokens_that_choose_alone_have_an_exponent_of_one():
    alone = drawn([np.arange(E)] * SEQUENCES)
    for one_text in (True, False):
        assert exponent(alone, SEQUENCE_N, E, one_text=one_text) == pytest.approx(1.0, abs=0.03)


def test_texts_that_keep_to_a_few_experts_are_alike_inside_and_not_across():
    random = np.random.default_rng(1)
    topical = drawn([random.choice(E, 6, replace=False) for _ in range(SEQUENCES)])
    inside = exponent(topical, SEQUENCE_N, E, one_text=True)
    across = exponent(topical, SEQUENCE_N, E, one_text=False)
    assert inside < 0.75
    assert across > 0.93


def test_all_tokens_alike_touch_what_one_does():
    same = np.tile(np.array([3, 5], np.int16), (len(SEQUENCE_N), 1))
    assert exponent(same, SEQUENCE_N, E, one_text=True) is None
    mixed = drawn([[s % 8, 8 + s % 8] for s in range(SEQUENCES)])
    assert exponent(mixed, SEQUENCE_N, E, one_text=True) < 0.1


def test_too_few_tokens_tell_nothing():
    few = drawn([np.arange(E)] * SEQUENCES)[:3]
    assert exponent(few, SEQUENCE_N[:3], E, one_text=True) is None
    assert exponent(few, SEQUENCE_N[:3], E, one_text=False) is None


def test_it_repeats_itself():
    alone = drawn([np.arange(E)] * SEQUENCES)
    assert exponent(alone, SEQUENCE_N, E, one_text=True) == exponent(alone, SEQUENCE_N, E, one_text=True)
