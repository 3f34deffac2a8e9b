"""Drops by hand: whom capacity turned away."""

import numpy as np
import pytest

from core.analysis.drops import drops
from core.analysis.errors import AnalysisError
from tests.core.analysis.planted import planted, soft_only


def test_who_was_turned_away() -> None:
    expert = np.array([[0, 1], [0, 2], [0, -1], [1, 2]] * 2)
    accepted = expert >= 0
    accepted[[1, 2], 0] = False
    accepted[5, 1] = False
    trace = planted(4, [expert], length=4, domain=np.repeat([0, 1], 4), accepted=[accepted])
    found = drops(trace, trace.layers[0])
    assert found.rate == pytest.approx(3 / 14)
    assert found.unserved == 1 / 8
    np.testing.assert_allclose(found.expert_E, [2 / 6, 0, 1 / 4, np.nan])
    assert found.choice_K.tolist() == [2 / 8, 1 / 6]
    assert found.positions == ("0", "1", "2–3")
    assert found.position_P.tolist() == [0, 2 / 4, 1 / 6]
    assert found.domain_N.tolist() == [2 / 7, 1 / 7]
    assert "Expert 0 turned away most" in found.reading.shows


def test_no_drops_are_said() -> None:
    trace = planted(4, [np.zeros((8, 1))])
    found = drops(trace, trace.layers[0])
    assert (found.rate, found.unserved) == (0, 0)
    assert found.reading.shows == "No choice was dropped."


def test_a_soft_layer_is_refused() -> None:
    trace = soft_only()
    with pytest.raises(AnalysisError, match="no choices to count"):
        drops(trace, trace.layers[0])
