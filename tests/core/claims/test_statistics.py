import numpy as np
import pytest

from core.claims.statistics import RESAMPLES, estimate, expanded_tail, student_quantile


@pytest.mark.parametrize(
    ("degrees", "quantile"), [(1, 12.7062), (2, 4.30265), (4, 2.77645), (9, 2.26216), (30, 2.04227)]
)
def test_students_quantile_is_that_of_the_tables(degrees: int, quantile: float) -> None:
    assert student_quantile(0.975, degrees) == pytest.approx(quantile, rel=1e-5)


def test_the_tail_is_expanded_for_few_pairs_and_plain_for_many() -> None:
    # 2.776 * sqrt(5 / 4) = 3.104 normal deviations.
    assert expanded_tail(5) == pytest.approx(9.54e-4, rel=1e-3)
    assert expanded_tail(10_000) == pytest.approx(0.025, rel=1e-2)


def test_all_resamples_of_few_pairs_are_counted() -> None:
    """Of 3^3 means of (0, 0, 3) the tails at 0.05 % are the extremes; the mean and effect are exact."""
    found = estimate([0.0, 0.0, 3.0])
    assert (found.mean, found.low, found.pairs) == (1.0, 0.0, 3)
    assert found.high == pytest.approx(3.0, abs=1e-5)
    assert found.effect == pytest.approx(1 / np.sqrt(3))


def test_equal_pairs_have_an_interval_of_one_point_and_no_effect() -> None:
    found = estimate([0.25] * 5)
    assert (found.mean, found.low, found.high, found.effect) == (0.25, 0.25, 0.25, None)


def test_the_same_numbers_always_give_the_same_interval() -> None:
    values = list(np.random.default_rng(1).normal(size=9))
    assert len(values) ** len(values) > RESAMPLES
    assert estimate(values) == estimate(values)


def test_moving_and_scaling_the_pairs_moves_and_scales_the_interval() -> None:
    values = np.random.default_rng(2).normal(size=5)
    plain, moved = estimate(values), estimate(2 * values + 3)
    assert moved.low == pytest.approx(2 * plain.low + 3)
    assert moved.high == pytest.approx(2 * plain.high + 3)


@pytest.mark.parametrize(("n", "least"), [(5, 0.88), (8, 0.90)])
def test_the_interval_covers_the_truth_about_as_often_as_it_says(n: int, least: float) -> None:
    """The plain percentile interval of five pairs covers about 0.83; nobody may narrow ours to that."""
    rng = np.random.default_rng(3)
    found = [estimate(rng.normal(size=n)) for _ in range(200)]
    covered = np.mean([one.low <= 0 <= one.high for one in found])
    assert least <= covered <= 0.99


@pytest.mark.parametrize("values", [[], [1.0], [1.0, float("nan")]])
def test_too_little_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="at least two pairs"):
        estimate(values)
