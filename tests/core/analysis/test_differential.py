"""Differential maps: sums, planted experts, lengths, and chance."""

import numpy as np
import pytest

from core.analysis.differential import differential, prompts
from core.analysis.errors import AnalysisError
from tests.core.analysis.planted import planted, soft_only

T, LENGTH = 3000, 50
DOMAIN = np.arange(T) // LENGTH % 3
NAMES = ("domain 0", "domain 1", "domain 2")


def choices(own: bool, k: int = 2, seed: int = 0) -> np.ndarray:
    """Random pairs of 8 experts; with `own`, domain 2 has expert 6 in 80 of 100 first choices."""
    rng = np.random.default_rng(seed)
    score = rng.random((T, 8))
    if own:
        score[(DOMAIN == 2) & (rng.random(T) < 0.8), 6] = 2
    return score.argsort(axis=1)[:, ::-1][:, :k]


def test_every_layer_of_a_map_sums_to_zero() -> None:
    found = prompts(planted(8, [choices(True), choices(False, 3)[:, :2]], domain=DOMAIN))
    maps = differential(found.share_PLE, found.group_P, NAMES).map_GLE
    assert maps.shape == (3, 2, 8)
    assert np.abs(maps.sum(axis=2)).max() < 1e-12
    assert found.share_PLE.sum(axis=2) == pytest.approx(1)


def test_two_groups_mirror_each_other() -> None:
    found = prompts(planted(8, [choices(True)], domain=DOMAIN))
    maps = differential(found.share_PLE, found.group_P // 2, NAMES[:2]).map_GLE
    np.testing.assert_allclose(maps[0], -maps[1], atol=1e-15)


def test_a_planted_expert_is_the_most_distinctive() -> None:
    found = prompts(planted(8, [choices(False), choices(True)], domain=DOMAIN))
    result = differential(found.share_PLE, found.group_P, NAMES)
    assert result.distinctive(2, 1) == [(1, 6)]
    assert result.map_GLE[2, 1, 6] > 2 * result.beyond_chance
    assert (result.map_GLE[2, 0] < result.beyond_chance).all()
    assert (1, 6) not in result.distinctive(0, 16)
    assert len(result.distinctive(0, 16)) < 16
    assert "expert 6 of layer 2: domain 2" in result.reading.shows


def test_without_structure_no_cell_is_beyond_chance() -> None:
    beyond = 0
    for seed in range(10):
        found = prompts(planted(8, [choices(False, seed=seed)], domain=DOMAIN))
        result = differential(found.share_PLE, found.group_P, NAMES, seed)
        beyond += np.abs(result.map_GLE).max() > result.beyond_chance
    assert beyond <= 3


def test_ties_go_to_the_lowest_index() -> None:
    share = np.array([[[0.5, 0.5, 0, 0]]] * 2 + [[[0, 0, 0.5, 0.5]]] * 2)
    assert differential(share, np.array([0, 0, 1, 1]), NAMES[:2]).distinctive(1, 1) == [(0, 2)]


def test_long_prompts_weigh_no_more_than_short_ones() -> None:
    expert = np.array([[0]] * 90 + [[1]] * 10)
    trace = planted(2, [expert], length=10)
    sequence = np.repeat(np.array([0, 1], np.int32), [90, 10])
    tokens = type(trace.tokens)(**{**vars(trace.tokens), "sequence": sequence})
    found = prompts(type(trace)(trace.header, tokens, trace.layers))
    assert found.share_PLE[:, 0].mean(axis=0).tolist() == [0.5, 0.5]


def test_generated_tokens_are_left_out() -> None:
    expert = np.array([[0], [0], [1], [1]] * 5)
    trace = planted(2, [expert], length=4, phase=[0, 0, 1, 1] * 5)
    assert (prompts(trace).share_PLE[:, 0] == [1, 0]).all()


def test_choices_count_before_capacity_and_missing_ones_do_not() -> None:
    expert = np.array([[0, 1], [0, -1], [-1, -1], [-1, -1]])
    trace = planted(3, [expert], length=2, accepted=[np.zeros((4, 2), bool)])
    share = prompts(trace).share_PLE[:, 0]
    assert share[0].tolist() == [2 / 3, 1 / 3, 0]
    assert np.isnan(share[1]).all()


def test_what_cannot_be_compared_is_refused() -> None:
    found = prompts(planted(8, [choices(False)], domain=DOMAIN))
    with pytest.raises(AnalysisError, match=r"two prompts each.*To fix this"):
        differential(found.share_PLE[:3], found.group_P[:3], NAMES)
    with pytest.raises(AnalysisError, match=r"two groups"):
        differential(found.share_PLE, found.group_P * 0, NAMES[:1])
    with pytest.raises(AnalysisError, match=r"in no layer did prompts of every group choose.*To fix this"):
        differential(found.share_PLE * np.nan, found.group_P, NAMES)
    with pytest.raises(AnalysisError, match=r"no prompt or no layer.*To fix this"):
        prompts(soft_only())
