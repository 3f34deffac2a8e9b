"""Regret and agreement, by hand and against routers that know nothing."""

import numpy as np
import pytest

from core.analysis.errors import AnalysisError
from core.analysis.expertise import expertise
from core.analysis.routers import FIXED, OWN, RANDOM, compare, hashed

N = 4000
LOSS = np.random.default_rng(0).random((N, 4)) - [0.1, 0, 0, 0]
BEST, WORST = LOSS.argmin(axis=1), LOSS.argmax(axis=1)


def test_by_hand() -> None:
    loss = np.array([[1.0, 3.0], [2.0, 2.0], [5.0, 1.0], [0.0, 4.0]])
    found = compare(loss, np.array([1, 0, 1, 0]))
    assert found.names == (OWN, RANDOM, FIXED)
    # Best: 1, 2, 1, 0. This router: 3, 2, 1, 0. Random: 2, 2, 3, 2. Expert 0, better on average: 1, 2, 5, 0.
    assert found.regret_R[:, 0].tolist() == [0.5, 1.25, 1.0]
    assert found.agreement_R[:, 0].tolist() == [0.75, 0.625, 0.75]
    assert found.worse_R[:, 0].tolist() == [0, 0.75, 0.5]


def test_the_best_choice_has_no_regret_and_beats_all() -> None:
    found = compare(LOSS, BEST, others={"hash": hashed(np.arange(N) % 50, 4)})
    assert (found.regret_R[0] == 0).all()
    assert (found.agreement_R[0] == 1).all()
    assert (found.worse_R[1:, 1] > 0).all()
    assert "loses less than: random, best fixed expert, hash" in found.reading.shows


def test_the_worst_choice_has_the_expertise_of_the_best_and_all_the_regret() -> None:
    best, worst = (compare(LOSS[:, :2], LOSS[:, :2].argmin(axis=1) ^ flip) for flip in (0, 1))
    told = [expertise(LOSS[:, :2], LOSS[:, :2].argmin(axis=1) ^ flip) for flip in (0, 1)]
    assert told[0].predictive == told[1].predictive == 1
    assert worst.regret_R[0, 0] == pytest.approx(2 * best.regret_R[1, 0])
    assert worst.agreement_R[0, 0] == 0
    assert "loses more than: random, best fixed expert" in worst.reading.shows


def test_a_hash_router_is_no_better_than_random() -> None:
    token = np.random.default_rng(1).integers(0, 60, N)
    choice = hashed(token, 4)
    assert all(len(set(choice[token == one])) == 1 for one in range(60))
    assert set(choice) == {0, 1, 2, 3}
    found = compare(LOSS, BEST, others={"hash": choice})
    low, high = found.regret_R[3, 1:]
    assert low < found.regret_R[1, 0] + 0.02
    assert high > found.regret_R[1, 0] - 0.02


def test_intervals_hold_the_truth_95_times_in_100() -> None:
    hit = 0
    for seed in range(60):
        rng = np.random.default_rng([4, seed])
        loss = rng.random((200, 2))
        low, high = compare(loss, rng.integers(0, 2, 200), seed=seed).regret_R[0, 1:]
        hit += low <= 1 / 6 <= high
    # Binomial(60, 0.95) below 51: 3 in 1000.
    assert hit >= 51


def test_examples_are_resampled_whole() -> None:
    unit = np.repeat(np.arange(20), N // 20)
    loss = np.random.default_rng(5).random((20, 4))[unit]
    alone, whole = (compare(loss, np.zeros(N, int), units).regret_R[0] for units in (None, unit))
    assert whole[0] == alone[0]
    assert whole[2] - whole[1] > 5 * (alone[2] - alone[1])


def test_tokens_nobody_took_are_left_out() -> None:
    chosen = BEST.copy()
    chosen[:1000] = -1
    other = WORST.copy()
    other[1000:1500] = -1
    found = compare(LOSS, chosen, others={"other": other})
    assert found.tokens == N - 1500
    with pytest.raises(AnalysisError, match=r"No token.*To fix this"):
        compare(LOSS, np.full(N, -1))
