"""Matrices of routings with known answers: no structure, full structure, and structure of one kind only."""

import numpy as np
import pytest

from core.analysis.errors import AnalysisError
from core.analysis.matrices import LABELS, by_domain, by_position, by_task, lift, matrices, matrix
from tests.core.analysis.planted import planted, soft_only

T, LENGTH = 4000, 50
DOMAIN = np.arange(T) // LENGTH % 4
RANDOM = np.random.default_rng(0).integers(0, 8, (T, 1))


def test_a_routing_by_domain_is_told_in_full() -> None:
    trace = planted(8, [DOMAIN[:, None] * 2 + RANDOM % 2], domain=DOMAIN)
    (found,) = matrices(trace, by_domain(trace))
    assert found.told == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(found.lift_GE, np.kron(np.eye(4), [[4, 4]]), atol=0.5)
    assert (found.notable_GE[found.lift_GE > 1]).all()
    assert found.share_GE.sum(axis=1) == pytest.approx(1)
    assert found.counts_GE.sum() == T
    assert found.chance is not None
    assert found.chance.high < 0.1
    assert "100 % of what there is to know about the domain." in found.reading.shows


def test_a_random_routing_tells_nothing() -> None:
    trace = planted(8, [RANDOM], domain=DOMAIN, token=RANDOM[::-1, 0] + 60, task=DOMAIN % 2)
    for name, label in LABELS.items():
        (found,) = matrices(trace, label(trace))
        assert found.told is not None, name
        assert found.chance is not None
        assert found.told < 2 * found.chance.high < 0.02
        assert not found.notable_GE.any()
        assert "Most telling" not in found.reading.shows


def test_one_matrix_in_twenty_without_structure_has_a_notable_cell() -> None:
    wrong = 0
    for seed in range(60):
        random = np.random.default_rng([1, seed]).integers(0, 6, (1000, 1))
        trace = planted(6, [random], domain=np.arange(1000) // LENGTH % 4)
        wrong += matrices(trace, by_domain(trace))[0].notable_GE.any()
    # Binomial(60, 0.05): 9 or more in 0.4 of 100 times.
    assert wrong <= 8


def test_a_routing_by_position_is_seen_by_position_alone() -> None:
    position = np.arange(T) % LENGTH
    trace = planted(8, [np.where(position < 4, 0, 1 + RANDOM[:, 0] % 7)[:, None]], domain=DOMAIN)
    (by_place,) = matrices(trace, by_position(trace))
    assert by_place.names == ("0", "1", "2–3", "4–7", "8–15", "16–31", "32–63")
    assert by_place.lift_GE[:3, 0] == pytest.approx(LENGTH / 4)
    assert by_place.notable_GE[:3, 0].all()
    (of_domain,) = matrices(trace, by_domain(trace))
    assert not of_domain.notable_GE.any()


def test_routing_by_neighbourhood_is_not_taken_for_structure() -> None:
    """Runs of one expert against runs of one class: shuffling single tokens would call them remarkable."""

    def runs(values: list[int], seed: int) -> np.ndarray:
        rng = np.random.default_rng([9, seed])
        return np.repeat(rng.choice(values, T), rng.integers(5, 30, T))[:T]

    wrong = wrong_by_token = 0
    for seed in range(20):
        experts, token = runs([0, 1, 2, 3], seed)[:, None], runs(list(b"a1 ("), 100 + seed)
        whole, single = (planted(4, [experts], token=token, length=length) for length in (LENGTH, 1))
        label = LABELS["classes"](whole)
        wrong += matrices(whole, label)[0].notable_GE.any()
        wrong_by_token += matrices(single, label)[0].notable_GE.any()
    assert wrong <= 4
    assert wrong_by_token >= 16


def test_lift_by_hand() -> None:
    np.testing.assert_allclose(lift([[6, 2], [2, 6]]), [[1.5, 0.5], [0.5, 1.5]])
    empty = lift([[4, 0], [0, 0]])
    assert empty[0, 0] == 1
    assert np.isnan(empty[[0, 1, 1], [1, 0, 1]]).all()


def test_drops_are_not_counted_and_empty_groups_are_said() -> None:
    accepted = np.ones((T, 1), bool)
    accepted[DOMAIN == 3] = False
    trace = planted(8, [RANDOM], domain=DOMAIN, accepted=[accepted])
    (found,) = matrices(trace, by_domain(trace))
    assert found.counts_GE[3].sum() == found.share_GE[3].sum() == 0
    assert np.isnan(found.lift_GE[3]).all()
    assert not found.notable_GE[3].any()


def test_a_single_domain_has_nothing_to_tell() -> None:
    trace = planted(8, [RANDOM])
    (found,) = matrices(trace, by_domain(trace))
    assert (found.told, found.chance, found.reading.chance) == (None, None, None)


def test_what_has_no_answer_is_refused() -> None:
    trace = soft_only()
    assert matrices(trace, by_domain(trace)) == []
    with pytest.raises(AnalysisError, match=r"no choices to count.*To fix this"):
        matrix(trace, trace.layers[0], by_domain(trace))
    with pytest.raises(AnalysisError, match=r"carry no task.*To fix this"):
        by_task(trace)
