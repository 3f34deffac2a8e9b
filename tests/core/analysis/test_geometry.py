"""Directions of a router by hand."""

import numpy as np
import pytest

from core.analysis.errors import AnalysisError
from core.analysis.geometry import geometry


def test_directions_by_hand() -> None:
    found = geometry([[2.0, 0, 0], [0, 3, 0], [4, 0, 0]], load_E=[1, 2, 3])
    assert found.norm_E.tolist() == [2, 3, 4]
    assert found.cosine_EE.tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
    np.testing.assert_allclose(found.place_E2[0], found.place_E2[2], atol=1e-12)
    assert found.kept == pytest.approx(1)
    assert found.norm_load == pytest.approx(1)
    assert "experts 0 and 2 (cosine 1.00)" in found.reading.shows


def test_the_number_of_directions() -> None:
    assert geometry(np.eye(5)).rank == pytest.approx(5)
    assert geometry(np.ones((5, 3))).rank == pytest.approx(1)
    assert geometry(np.repeat(np.eye(2), 3, axis=0)).rank == pytest.approx(2)


def test_random_directions_meet_the_chance_level() -> None:
    found = geometry(np.random.default_rng(0).normal(size=(60, 40)))
    cosine = np.abs(found.cosine_EE[np.triu_indices(60, 1)])
    assert cosine.mean() == pytest.approx(found.chance, rel=0.05)


def test_size_of_rows_changes_no_direction_and_turning_all_of_them_nothing() -> None:
    rng = np.random.default_rng(1)
    router, turn = rng.normal(size=(6, 10)), np.linalg.qr(rng.normal(size=(10, 10)))[0]
    one, other = geometry(router), geometry(rng.uniform(1, 5, (6, 1)) * router @ turn)
    np.testing.assert_allclose(other.cosine_EE, one.cosine_EE, atol=1e-12)
    np.testing.assert_allclose(other.place_E2, one.place_E2, atol=1e-9)


def test_equal_loads_correlate_with_nothing() -> None:
    assert geometry(np.eye(3), load_E=[1, 2, 3]).norm_load is None
    assert geometry(np.diag([1.0, 2, 3]), load_E=[1, 1, 1]).norm_load is None
    assert geometry(np.eye(3)).norm_load is None


def test_what_has_no_direction_is_refused() -> None:
    for router in ([[1.0, 2]], [[0.0, 0], [1, 2]]):
        with pytest.raises(AnalysisError, match="To fix this"):
            geometry(router)
