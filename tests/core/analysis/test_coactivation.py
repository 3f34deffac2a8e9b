"""Groups of experts that were planted are found; noise has none."""

import numpy as np
import pytest

from core.analysis.coactivation import coactivation, expected, layout, pairs
from core.analysis.errors import AnalysisError
from tests.core.analysis.planted import planted, soft_only

T = 2000


def within_groups(group_E: np.ndarray, purity: float, k: int = 2, seed: int = 0) -> np.ndarray:
    """Each token takes k experts of one group; with 1 - purity, of all."""
    rng = np.random.default_rng(seed)
    E, group_T = len(group_E), rng.integers(0, group_E.max() + 1, T)
    keep_TE = (group_T[:, None] == group_E) | (rng.random(T)[:, None] > purity)
    return np.where(keep_TE, rng.random((T, E)), -1).argsort(axis=1)[:, -k:]


@pytest.mark.parametrize("purity", [1.0, 0.3])
def test_two_planted_groups_are_found(purity: float) -> None:
    group_E = np.arange(8) % 2
    trace = planted(8, [within_groups(group_E, purity)])
    found = coactivation(trace, trace.layers[0])
    assert found.community_E.tolist() == group_E.tolist()
    assert found.holds
    assert "form 2 groups" in found.reading.shows
    assert found.inside_chance == pytest.approx(3 / 7, abs=0.03)
    assert found.inside == pytest.approx(purity + (1 - purity) * 3 / 7, abs=0.06)
    assert found.repeats is not None
    assert found.repeats > 0.8
    same_EE = (group_E[:, None] == group_E) & ~np.eye(8, dtype=bool)
    assert found.lift_EE[same_EE].min() > 1 > found.lift_EE[group_E[:, None] != group_E].max()


def test_names_of_experts_do_not_matter() -> None:
    group_E, rename_E = np.arange(8) // 4, np.random.default_rng(1).permutation(8)
    choices = within_groups(group_E, 0.8)
    one, other = (planted(8, [experts]) for experts in (choices, rename_E[choices]))
    a, b = coactivation(one, one.layers[0]), coactivation(other, other.layers[0])
    np.testing.assert_array_equal(b.counts_EE[np.ix_(rename_E, rename_E)], a.counts_EE)
    assert b.inside == a.inside
    groups = {frozenset(np.flatnonzero(b.community_E == n).tolist()) for n in range(2)}
    assert groups == {frozenset(rename_E[:4].tolist()), frozenset(rename_E[4:].tolist())}


def test_noise_has_no_groups() -> None:
    """Whatever groups Louvain names in one half, the other half does not have them."""
    held = 0
    for seed in range(20):
        trace = planted(12, [within_groups(np.zeros(12, int), 1, seed=seed)])
        found = coactivation(trace, trace.layers[0])
        held += found.holds
        assert found.inside == pytest.approx(found.inside_chance, abs=0.06)
    assert held <= 3


def test_busy_experts_are_no_group() -> None:
    """Two experts in most pairs meet often: counts say a group, lift says chance."""
    rng = np.random.default_rng(2)
    choices = (np.log([20, 20, 1, 1, 1, 1, 1, 1]) + rng.gumbel(size=(T, 8))).argsort(axis=1)[:, -2:]
    trace = planted(8, [choices])
    found = coactivation(trace, trace.layers[0])
    assert found.counts_EE[0, 1] > 0.5 * T
    assert found.lift_EE[0, 1] == pytest.approx(1, abs=0.1)
    assert not found.holds


def test_pairs_by_hand() -> None:
    choices = np.array([[0, 1, -1], [0, 1, 2], [3, -1, -1], [1, 2, -1]])
    accepted = choices >= 0
    accepted[3, 1] = False
    trace = planted(4, [choices], accepted=[accepted])
    everything = np.ones(4, bool)
    found = pairs(trace.layers[0], everything)
    assert found.tolist() == [[0, 2, 1, 0], [2, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]]
    assert pairs(trace.layers[0], ~everything).sum() == 0


def test_expected_pairs_keep_every_experts_number_of_pairs() -> None:
    counts = np.random.default_rng(3).integers(0, 50, (9, 9))
    counts = np.triu(counts, 1) + np.triu(counts, 1).T
    counts[4], counts[:, 4] = 0, 0
    found = expected(counts)
    np.testing.assert_allclose(found.sum(axis=1), counts.sum(axis=1), rtol=1e-6)
    assert (np.diag(found) == 0).all()
    np.testing.assert_allclose(
        expected(np.ones((5, 5), int) - np.eye(5, dtype=int)), 1 - np.eye(5), atol=1e-9
    )


def test_an_expert_without_pairs_is_in_no_group() -> None:
    trace = planted(9, [within_groups(np.arange(8) % 2, 1)])
    found = coactivation(trace, trace.layers[0])
    assert found.community_E[8] == -1
    assert found.holds
    assert np.isnan(found.lift_EE[8]).all()


def test_near_in_the_drawing_means_working_together() -> None:
    group_E = np.arange(8) % 2
    trace = planted(8, [within_groups(group_E, 1)])
    found = coactivation(trace, trace.layers[0])
    place_E2 = layout(found)
    np.testing.assert_array_equal(place_E2, layout(found))
    far_EE = np.linalg.norm(place_E2[:, None] - place_E2, axis=-1)
    same_EE = (group_E[:, None] == group_E) & ~np.eye(8, dtype=bool)
    assert far_EE[same_EE].max() < far_EE[group_E[:, None] != group_E].min()


def test_what_has_no_pairs_is_refused() -> None:
    single = planted(4, [np.zeros((T, 1), int)])
    with pytest.raises(AnalysisError, match=r"no token goes to two experts.*To fix this"):
        coactivation(single, single.layers[0])
    soft = soft_only()
    with pytest.raises(AnalysisError, match=r"no choices to count.*To fix this"):
        coactivation(soft, soft.layers[0])
    short = planted(4, [within_groups(np.arange(4) % 2, 1)], length=T)
    with pytest.raises(AnalysisError, match=r"not two examples.*To fix this"):
        coactivation(short, short.layers[0])
