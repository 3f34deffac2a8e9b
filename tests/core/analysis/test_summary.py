"""The summary of a trace made by hand."""

import math

import pytest

from core.analysis.errors import AnalysisError
from core.analysis.summary import figures, soft_figures, summary
from tests.core.trace.make import make_soft, make_trace


def test_a_layer_by_hand() -> None:
    trace = make_trace()
    (layer,) = summary(trace)
    # Choices (0, -), (1, 2), (2, 3) of the first domain; (3, 0), (0, 1), (1, dropped 2) of the second.
    assert layer["path"] == "decoder.0.1"
    assert layer["load"] == [3, 3, 2, 2]
    assert layer["domain_expert"] == [[1, 1, 2, 1], [2, 2, 0, 1]]
    assert layer["cv"] == pytest.approx(0.2)
    assert layer["max_violation"] == pytest.approx(0.2)
    assert (layer["dead"], layer["unserved"]) == (0, 0)
    assert layer["drop_rate"] == pytest.approx(1 / 11)
    assert layer["per_token"] == pytest.approx(10 / 6)
    assert layer["entropy"] == pytest.approx(0.25 / 1.3862943611)
    assert 0 < layer["specialization"] < 1
    assert layer["specialization_chance"] <= layer["specialization_chance_95"]


def test_a_soft_layer_has_shares_and_an_entropy_and_no_load() -> None:
    trace = make_soft()
    hard, soft = summary(trace)
    assert set(hard) == set(soft)
    assert (soft["load"], soft["dead"], soft["specialization"]) == (None, None, None)
    assert (hard["share"], hard["domain_share"]) == (None, None)
    assert soft["entropy"] == pytest.approx(0.5 / math.log(4))
    assert soft["domain_share"][0] == pytest.approx([0.25] * 4)
    assert soft["domain_share"][1] == pytest.approx([0.1, 0.7, 0.1, 0.1], abs=1e-3)
    assert soft["share"] == pytest.approx([0.175, 0.475, 0.175, 0.175], abs=1e-3)
    with pytest.raises(AnalysisError, match=r"mixes every token.*To fix this"):
        figures(trace, trace.layers[1])
    with pytest.raises(AnalysisError, match=r"no shares.*To fix this"):
        soft_figures(trace, trace.layers[0])
