"""Agreement of checkpoints: identical, unrelated, by hand."""

import numpy as np
import pytest

from core.analysis.errors import AnalysisError
from core.analysis.saturation import over_traces, saturation
from core.trace.record import Trace
from tests.core.analysis.planted import planted, soft_only


def test_identical_checkpoints_are_saturated() -> None:
    chosen = np.random.default_rng(1).random((500, 8)).argsort(axis=1)[:, :2]
    chosen[3, 1] = -1
    found = saturation([chosen, chosen[:, ::-1], chosen], [0, 1, 2], 8)
    assert found.agreement_C.tolist() == [1, 1, 1]
    assert found.chance_C[0] == pytest.approx(0.25, abs=0.02)


def test_unrelated_checkpoints_agree_by_chance() -> None:
    rng = np.random.default_rng(2)
    busy = np.log([8, 4, 2, 1, 1, 1, 1, 1])
    one, other = ((busy + rng.gumbel(size=(20_000, 8))).argsort(axis=1)[:, -2:] for _ in range(2))
    found = saturation([one, other], [0, 9], 8)
    assert found.agreement_C[0] == pytest.approx(found.chance_C[0], abs=0.01)
    assert found.chance_C[0] > 0.3


def test_the_last_checkpoint_does_not_settle_by_agreeing_with_itself() -> None:
    one, other = np.array([[0], [1], [2]]), np.array([[0], [2], [1]])
    assert "80 % was never reached before." in saturation([one, other], [0, 9], 3).reading.shows
    assert (
        "from step 4 on it was 80 % or more." in saturation([one, other, other], [0, 4, 9], 3).reading.shows
    )


def test_saturation_by_hand() -> None:
    early = np.array([[0, 1], [2, 3], [0, -1], [-1, -1]])
    last = np.array([[1, 0, -1], [2, 1, -1], [0, 1, 2], [-1, -1, -1]])
    found = saturation([early, last], [10, 20], 4)
    assert found.agreement_C.tolist() == [pytest.approx((1 + 1 / 2 + 1 / 3) / 3), 1]
    assert "80 % was never reached before." in found.reading.shows


def test_saturation_needs_the_same_tokens() -> None:
    chosen = np.zeros((4, 1), int)
    for given in ([chosen], [chosen, chosen[:2]]):
        with pytest.raises(AnalysisError, match=r"same tokens.*To fix this"):
            saturation(given, [0, 1], 2)
    with pytest.raises(AnalysisError, match=r"No token has a choice"):
        saturation([chosen - 1, chosen - 1], [0, 1], 2)


def two_traces(**values: object) -> tuple[Trace, Trace]:
    """Six examples of two domains, and the first two of each domain with every choice moved by one."""
    choices = np.random.default_rng(3).integers(0, 4, (60, 1))
    domain, token = np.repeat([0, 1], 30), np.arange(60)
    whole = planted(4, [choices], length=10, domain=domain, token=token)
    some = np.concatenate([np.arange(20), np.arange(30, 50)])
    fewer = {"domain": domain[some], "token": token[some], **values}
    return planted(4, [(choices[some] + (some[:, None] >= 30)) % 4], length=10, **fewer), whole


def test_a_small_trace_is_laid_over_the_first_examples_of_each_domain() -> None:
    small, whole = two_traces()
    found = over_traces([small, whole], [0, 7])["decoder.0.1"]
    assert found.agreement_C.tolist() == [0.5, 1]
    assert over_traces([whole, whole, small], [0, 1, 2])["decoder.0.1"].agreement_C.tolist() == [0.5, 0.5, 1]


def test_traces_of_other_tokens_or_layers_are_refused() -> None:
    other, whole = two_traces(token=np.arange(40))
    with pytest.raises(AnalysisError, match=r"different tokens.*To fix this"):
        over_traces([other, whole], [0, 1])
    other, whole = two_traces(domain=np.zeros(40))
    with pytest.raises(AnalysisError, match=r"different tokens"):
        over_traces([other, whole], [0, 1])
    with pytest.raises(AnalysisError, match=r"two checkpoints or more.*small_traces"):
        over_traces([whole], [0])
    assert over_traces([soft_only(), soft_only()], [0, 1]) == {}
