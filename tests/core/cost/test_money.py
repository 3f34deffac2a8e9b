"""Joules and prices: arithmetic, bands, mistakes in words."""

import pytest

from core.cost.devices import registry
from core.cost.figure import Figure
from core.cost.formulas import FORMULAS
from core.cost.money import joules, million

STEP = Figure(0.01, "s / token", "gpu.step", (), "fitted", 0.008, 0.013)
H100 = registry.device("h100-sxm")


def test_measured_power_has_the_band_of_time():
    found = joules(STEP, 64, H100, devices=8, watts=500)
    assert found.value == pytest.approx(8 * 500 * 0.01 / 64)
    assert (found.low / found.value, found.high / found.value) == (pytest.approx(0.8), pytest.approx(1.3))
    assert found.grade == "fitted"
    assert found.formula in FORMULAS


def test_rated_power_is_a_prior_below_what_the_plate_says():
    found = joules(STEP, 1, H100)
    assert found.value == pytest.approx(0.75 * 700 * 0.01)
    assert (found.low, found.high) == (pytest.approx(0.5 * 700 * 0.008), pytest.approx(700 * 0.013))
    assert found.grade == "prior"


def test_a_million_tokens_at_two_an_hour():
    found = million(STEP, 64, 2.0, devices=8)
    assert found.value == pytest.approx(8 * 2.0 * (1e6 / 64 * 0.01) / 3600)
    assert found.low < found.value < found.high
    assert found.formula in FORMULAS
    assert million(STEP, 1, 0.0).value == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: joules(STEP, 1, H100, watts=-3), "power of -3"),
        (
            lambda: joules(
                STEP, 1, registry.own({"memory_gb": 1, "bandwidth_gbs": 9, "peak_tflops": {"bf16": 1}})
            ),
            "No power",
        ),
        (lambda: million(STEP, 1, -1.0), "price of -1"),
        (lambda: million(STEP, 1, float("nan")), "price of nan"),
    ],
)
def test_mistakes_are_sentences(call, words):
    with pytest.raises(ValueError, match=words):
        call()
