"""Predictive and prognostic expertise: facts of arXiv 2403.00694, and policies with known answers."""

import numpy as np
import pytest

from core.analysis.errors import AnalysisError
from core.analysis.expertise import Expertise, expertise

N = 20_000
#: Baseline outcome, effect and a feature that neither depends on; all independent.
BASE, EFFECT, OTHER = np.random.default_rng(0).normal(size=(3, N)) * np.sqrt(2)
LOSS = -np.stack([BASE, BASE + EFFECT], axis=1)


def logistic(feature: np.ndarray, strength: float = 4) -> np.ndarray:
    return 1 / (1 + np.exp(-strength * feature))


def under(second: np.ndarray, loss: np.ndarray = LOSS, seed: int = 1) -> Expertise:
    """Expertise of a policy that picks the second expert with these probabilities."""
    chosen = (np.random.default_rng(seed).random(len(second)) < second).astype(int)
    return expertise(loss, chosen, policy_NE=np.stack([1 - second, second], axis=1))


# What a prototype measured with 20,000 samples and logistic policies of strength 4.
POLICIES = {
    "predictive": (logistic(EFFECT), 0.69, 0.69, 0.31, "predictive"),
    "prognostic": (logistic(BASE), 0.0, 0.68, 0.31, "prognostic only"),
    "irrelevant": (logistic(OTHER), 0.0, 0.0, 0.32, "no expertise"),
    "inverse": (logistic(-EFFECT), 0.69, 0.69, 0.31, "predictive of the worse expert"),
    "random": (np.full(N, 0.5), 0.0, 0.0, 1.0, "no expertise"),
    "perfect": ((EFFECT > 0).astype(float), 1.0, 1.0, 0.0, "predictive"),
}


@pytest.mark.parametrize("name", POLICIES)
def test_policies_with_known_answers(name: str) -> None:
    second, predictive, prognostic, variability, verdict = POLICIES[name]
    found = under(second)
    assert found.predictive == pytest.approx(predictive, abs=0.02)
    assert found.prognostic == pytest.approx(prognostic, abs=0.02)
    assert found.variability == pytest.approx(variability, abs=0.01)
    assert found.verdict == verdict


def test_a_little_knowledge_of_the_effect_is_not_called_none() -> None:
    found = under(logistic(BASE + 0.3 * EFFECT))
    assert found.verdict == "mostly prognostic"
    assert found.chance_predictive is not None
    assert found.chance_predictive < 0.03 < found.predictive < found.prognostic / 2


@pytest.mark.parametrize("name", POLICIES)
def test_facts(name: str) -> None:
    found = under(POLICIES[name][0])
    assert found.predictive is not None
    assert found.prognostic is not None
    assert found.variability is not None
    assert -0.005 <= found.predictive <= found.prognostic + 0.005
    assert found.prognostic <= 1 + 1e-9
    assert found.prognostic + found.variability <= 1.015


def test_always_the_better_expert_is_exactly_one_and_so_is_always_the_worse() -> None:
    better = (EFFECT > 0).astype(int)
    for chosen in (better, 1 - better):
        found = expertise(LOSS, chosen)
        assert found.predictive == found.prognostic == 1
        assert found.variability == 0


def test_choices_that_know_nothing_are_within_chance() -> None:
    beyond = 0
    for seed in range(20):
        chosen = np.random.default_rng([2, seed]).integers(0, 3, 1500)
        loss = np.random.default_rng([3, seed]).random((1500, 3))
        beyond += expertise(loss, chosen, seed=seed).verdict != "no expertise"
    # Two comparisons at 1 in 21 each.
    assert beyond <= 5


def test_neighbours_that_share_choices_and_outcomes_are_no_expertise() -> None:
    rng = np.random.default_rng(5)
    unit = np.repeat(np.arange(40), 100)
    loss = rng.normal(size=(40, 2))[unit] + 0.1 * rng.normal(size=(4000, 2))
    chosen = rng.integers(0, 2, 40)[unit]
    assert expertise(loss, chosen).verdict != "no expertise"
    assert expertise(loss, chosen, unit_N=unit).verdict == "no expertise"


def test_a_router_that_always_picks_the_same_is_undefined() -> None:
    found = expertise(LOSS, np.ones(N, int))
    assert (found.predictive, found.prognostic, found.variability, found.verdict) == (
        None,
        None,
        None,
        "undefined",
    )
    assert "no choice to explain" in found.reading.shows
    few = expertise(LOSS[:50], np.arange(50) % 2)
    assert few.verdict == "undefined"
    assert "too few" in few.reading.shows


def test_relabelling_experts_changes_nothing() -> None:
    rng = np.random.default_rng(6)
    loss = rng.normal(size=(5000, 4))
    chosen = (loss + rng.normal(size=loss.shape)).argmin(axis=1)
    rename = rng.permutation(4)
    one, other = expertise(loss, chosen), expertise(loss[:, np.argsort(rename)], rename[chosen])
    assert other.predictive == pytest.approx(one.predictive, abs=1e-12)
    assert other.prognostic == pytest.approx(one.prognostic, abs=1e-12)
    np.testing.assert_allclose(other.predictive_EE[np.ix_(rename, rename)], one.predictive_EE, atol=1e-12)
    assert one.verdict == other.verdict == "predictive"


def test_pairs_tell_where_the_router_knows() -> None:
    """Between experts 0 and 1 it picks the better, between 2 and 3 it guesses."""
    rng = np.random.default_rng(7)
    loss, half = rng.normal(size=(8000, 4)), rng.random(8000) < 0.5
    chosen = np.where(half, loss[:, :2].argmin(axis=1), rng.integers(2, 4, 8000))
    found = expertise(loss, chosen)
    assert found.predictive_EE[0, 1] == found.predictive_EE[1, 0] == 1
    assert abs(found.predictive_EE[2, 3]) < 0.01
    assert np.isnan(np.diag(found.predictive_EE)).all()
    assert (found.pairs, found.all_pairs) == (6, 6)


def test_rare_experts_are_left_out_of_pairs() -> None:
    chosen = np.random.default_rng(8).integers(0, 2, N)
    chosen[:5] = 2
    found = expertise(np.random.default_rng(9).random((N, 3)), chosen)
    assert (found.pairs, found.all_pairs) == (1, 3)
    assert np.isnan(found.predictive_EE[2]).all()


def test_identical_experts_leave_nothing_to_know() -> None:
    loss = np.repeat(np.random.default_rng(10).random((2000, 1)), 2, axis=1)
    found = expertise(loss, np.random.default_rng(11).integers(0, 2, 2000))
    assert found.predictive == 0
    assert found.verdict == "no expertise"


def test_tokens_without_choice_or_loss_are_left_out() -> None:
    better = (EFFECT > 0).astype(int)
    chosen, loss = better.copy(), LOSS.copy()
    chosen[:100], loss[100:200] = -1, np.nan
    kept, whole = expertise(loss, chosen), expertise(LOSS[200:], better[200:])
    assert kept.predictive == whole.predictive
    assert kept.chance_prognostic == whole.chance_prognostic


def test_shapes_that_do_not_fit_are_refused() -> None:
    for loss, chosen in ((LOSS, np.zeros(3, int)), (LOSS[:, 0], np.zeros(N, int)), (LOSS, np.full(N, 2))):
        with pytest.raises(AnalysisError, match="To fix this"):
            expertise(loss, chosen)
    with pytest.raises(AnalysisError, match=r"one row a token"):
        expertise(LOSS, np.arange(N) % 2, policy_NE=np.ones((3, 2)))
