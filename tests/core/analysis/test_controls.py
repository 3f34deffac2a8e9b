"""Usage-matched controls: same layers, like usage, never the chosen ones."""

import numpy as np
import pytest

from core.analysis.controls import NEAREST, usage_matched
from core.analysis.errors import AnalysisError

LOAD = np.array([[100, 98, 96, 50, 48, 2, 1, 0], [10, 10, 10, 10, 10, 10, 10, 10]])


def test_controls_share_the_layer_and_the_usage() -> None:
    found = usage_matched(LOAD, [(0, 3), (1, 0)], draws=20, seed=1)
    assert found.cells_DC2.shape == (20, 2, 2)
    assert (found.cells_DC2[..., 0] == [0, 1]).all()
    # Nearest to 50 are 48, then 96 (46 off), then 2 and 98 (both 48 off): the lower index wins the tie.
    assert set(found.cells_DC2[:, 0, 1]) == {4, 2, 1}
    # All ties: the three lowest indices that are not chosen.
    assert set(found.cells_DC2[:, 1, 1]) == {1, 2, 3}
    assert found.usage == 60
    np.testing.assert_array_equal(found.usage_D, LOAD[0][found.cells_DC2[:, 0, 1]] + 10)
    assert found.distinct == len({tuple(draw) for draw in found.cells_DC2[..., 1].tolist()})


def test_a_draw_names_nobody_twice_and_never_the_chosen() -> None:
    cells = [(0, 0), (0, 1), (0, 2), (0, 3)]
    found = usage_matched(LOAD, cells, draws=30)
    for draw in found.cells_DC2[..., 1].tolist():
        assert sorted(draw) == [4, 5, 6, 7]
    assert found.distinct == 1
    assert "1 of them different" in found.reading.shows


def test_draws_are_functions_of_the_seed_and_of_their_number() -> None:
    few, many = (usage_matched(LOAD, [(0, 3)], draws=draws, seed=5).cells_DC2 for draws in (4, 9))
    np.testing.assert_array_equal(few, many[:4])
    assert (
        usage_matched(LOAD, [(0, 3)], 30, seed=6).cells_DC2 != usage_matched(LOAD, [(0, 3)], 30).cells_DC2
    ).any()


def test_the_match_is_closer_than_chance() -> None:
    load = np.random.default_rng(0).pareto(1, size=(4, 64))
    cells = [(layer, int(load[layer].argsort()[40])) for layer in range(4)]
    found = usage_matched(load, cells, draws=50)
    others = load.mean(axis=1).sum()
    assert np.abs(found.usage_D - found.usage).max() < abs(others - found.usage) / 5
    assert NEAREST**4 >= found.distinct > 10


def test_layers_may_have_fewer_experts() -> None:
    load = np.array([[5.0, 5, np.nan, np.nan], [1, 2, 3, 4]])
    assert (usage_matched(load, [(0, 0)], 5).cells_DC2 == [0, 1]).all()
    with pytest.raises(AnalysisError, match=r"no expert 2 in layer 0.*To fix this"):
        usage_matched(load, [(0, 2)])
    with pytest.raises(AnalysisError, match=r"2 experts and 2 of them were chosen.*at most 1"):
        usage_matched(load, [(0, 0), (0, 1)])


@pytest.mark.parametrize(
    ("cells", "draws", "said"),
    [([], 1, "none"), ([(0, 0)], 0, "draw"), ([(0, 0)] * 2, 1, "twice"), ([(2, 0)], 1, "no expert")],
)
def test_what_cannot_be_drawn_is_refused(cells: list[tuple[int, int]], draws: int, said: str) -> None:
    with pytest.raises(AnalysisError, match=rf"{said}.*To fix this"):
        usage_matched(LOAD, cells, draws)


def test_a_chosen_expert_nobody_uses_has_no_ratio_of_usage() -> None:
    assert usage_matched(LOAD, [(0, 7)]).reading.chance is None
