"""Entropy and margins by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from core.analysis.decisions import decisions
from core.analysis.errors import AnalysisError
from tests.core.analysis.planted import planted, soft_only

DOMAIN = np.repeat([0, 1], 10)


def layer_with(**arrays: np.ndarray):
    trace = planted(4, [np.zeros((20, 1))], length=10, domain=DOMAIN)
    return trace, replace(trace.layers[0], **arrays)


def test_certain_and_undecided_domains() -> None:
    probability = np.where(DOMAIN[:, None] == 0, np.eye(4)[np.arange(20) % 4], 0.25).astype(np.float16)
    trace, layer = layer_with(entropy=np.where(DOMAIN == 0, 0, math.log(4)), probability=probability)
    found = decisions(trace, layer)
    assert found.entropy_N.tolist() == [0, 1]
    assert (found.entropy_B[0], found.entropy_B[-1], found.entropy_B.sum()) == (10, 10, 20)
    assert found.entropy_Q.tolist() == [0, 0, 0.5, 1, 1]
    # Experts 0 and 1 got one of the ten certain tokens more than the others.
    assert found.overall == pytest.approx(1, abs=0.01)
    assert "50.0 % of an undecided router's" in found.reading.shows


def test_even_use_is_not_indecision() -> None:
    certain, (one, two) = np.eye(4)[np.arange(20) % 4], (0.97, 0.01)
    trace, layer = layer_with(entropy=np.zeros(20), probability=certain.astype(np.float16))
    found = decisions(trace, layer)
    assert found.entropy_Q[-1] == 0
    assert found.overall == pytest.approx(1)
    alike = np.tile([one, two, two, two], (20, 1)).astype(np.float16)
    trace, layer = layer_with(entropy=np.full(20, 0.168), probability=alike)
    assert decisions(trace, layer).overall == pytest.approx(0.168 / math.log(4), abs=0.01)


def test_margins_and_near_ties() -> None:
    margin = np.where(DOMAIN == 0, 0.005, 0.5).astype(np.float32)
    margin[:5] = np.inf
    trace, layer = layer_with(margin=margin)
    found = decisions(trace, layer)
    assert found.near_ties == pytest.approx(1 / 3)
    assert found.margin_Q is not None
    assert found.margin_Q[-1] == pytest.approx(0.5)


def test_choices_against_the_scores_are_no_near_ties() -> None:
    margin = np.where(DOMAIN == 0, -0.5, 0.005).astype(np.float32)
    trace, layer = layer_with(margin=margin)
    found = decisions(trace, layer)
    assert (found.near_ties, found.against) == (0.5, 0.5)
    assert "50.0 % went against the scores" in found.reading.shows


def test_a_soft_layer_has_entropy_and_no_margin() -> None:
    trace = soft_only()
    found = decisions(trace, trace.layers[0])
    assert (found.margin_Q, found.near_ties) == (None, None)
    assert found.overall == pytest.approx(1)
    assert "near ties" not in found.reading.shows


def test_nothing_to_decide_is_refused() -> None:
    trace = planted(1, [np.zeros((20, 1))])
    with pytest.raises(AnalysisError, match=r"nothing to decide.*To fix this"):
        decisions(trace, trace.layers[0])
