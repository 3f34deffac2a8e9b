"""The summary of a trace made by hand."""

from dataclasses import replace

import pytest

from core.analysis.errors import AnalysisError
from core.analysis.summary import figures, summary
from tests.core.trace.make import make_trace


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


def test_a_soft_layer_has_an_entropy_and_no_load() -> None:
    trace = make_trace()
    soft = replace(trace.layers[0], header=trace.layers[0].header.model_copy(update={"soft": True}))
    trace = replace(trace, layers=(soft, trace.layers[0]))
    first, second = summary(trace)
    assert set(first) == set(second)
    assert (first["load"], first["dead"], first["specialization"]) == (None, None, None)
    assert first["entropy"] == second["entropy"]
    with pytest.raises(AnalysisError, match=r"mixes every token.*To fix this"):
        figures(trace, soft)
