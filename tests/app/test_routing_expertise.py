"""The Expertise section judges a layer whose losses are known."""

import numpy as np
import pytest

from app.judging import HASH, judge
from app.views._routing import expertise
from core.analysis.errors import AnalysisError
from core.probe.answers import Counterfactuals


def counterfactuals(chosen_N: np.ndarray, loss_NE: np.ndarray) -> Counterfactuals:
    N = len(chosen_N)
    rows = np.arange(N, dtype=np.int32)
    return Counterfactuals(
        run="starter-1",
        step=10,
        path="decoder.1.1",
        exact_at_once=True,
        domains=("code",),
        loss_NE=loss_NE.astype(np.float32),
        chosen_N=chosen_N.astype(np.int16),
        actual_N=loss_NE.min(1).astype(np.float32),
        token_N=(rows % 256).astype(np.int32),
        position_N=rows,
        sequence_N=rows // 64,
        domain_N=np.zeros(N, np.int16),
    )


def test_a_router_that_always_takes_the_better_expert_regrets_nothing():
    loss_NE = np.random.default_rng(0).normal(size=(2000, 2))
    judged = judge(counterfactuals(loss_NE.argmin(1), loss_NE))
    assert judged.told.verdict == "predictive"
    regret = dict(zip(judged.routers.names, judged.routers.regret_R[:, 0], strict=True))
    assert regret["this router"] == 0
    assert regret["random"] > 0.4
    assert regret[HASH] > 0.4
    assert [name for name, _, _ in expertise.shares(judged.told)] == ["predictive", "prognostic"]


def test_one_expert_is_no_choice():
    with pytest.raises(AnalysisError, match="To fix this"):
        judge(counterfactuals(np.zeros(50), np.zeros((50, 1))))
