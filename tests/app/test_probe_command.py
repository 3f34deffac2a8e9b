"""`python -m app probe`: a device that the estimator takes, mistakes in words."""

import json

import pytest

from app.cli import main
from core.cost.devices import registry


def test_a_probe_is_a_device_of_ones_own(capsys):
    assert main(["probe", "--seconds", "0.1", "--device", "cpu", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    on = registry.own(found)
    assert on.measured
    assert 1e8 < on.peak["fp32"] < 1e14
    assert 1e8 < on.bandwidth < 1e13
    assert 0.05 < found["launch_us"] < 1000
    assert main(["probe", "--seconds", "0.1", "--device", "cpu"]) == 0
    assert "FLOP/s" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"), [(["--seconds", "-1"], "0.1 to 600"), (["--device", "toaster"], "toaster")]
)
def test_mistakes_are_sentences(arguments, words, capsys):
    assert main(["probe", *arguments]) == 1
    assert words in capsys.readouterr().err
