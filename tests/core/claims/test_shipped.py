from dataclasses import replace
from pathlib import Path

import pytest

from core.claims import shipped
from core.claims.results import judge
from core.papers.base import Experiment
from core.papers.registry import experiments
from tests.core.claims.small import measured, small_experiment


def test_what_was_written_is_read_and_judged_again(tmp_path: Path) -> None:
    experiment = small_experiment()
    both = [*measured("even", [0.0, 0.1, 0.2, 0.3, 0.4]), *measured("free", [1.0] * 5)]
    both = [replace(one, environment={"machine": "small"}) for one in both]
    path = shipped.write(experiment, both, tmp_path)
    assert path.name == "x900.json"
    found = shipped.read(experiment, tmp_path)
    assert {(one.arm, one.seed): one.values for one in found} == {
        (one.arm, one.seed): one.values for one in both
    }
    result = judge(experiment, found)
    assert (result.verdict, result.environment, result.arms[0].runs) == (
        "reproduced",
        {"machine": "small"},
        (),
    )


def test_what_was_declared_otherwise_does_not_count(tmp_path: Path) -> None:
    shipped.write(small_experiment(), measured("even", [0.0]), tmp_path)
    assert shipped.read(small_experiment(plan={"steps": 11}), tmp_path) == ()
    assert len(shipped.read(small_experiment(title="Another title"), tmp_path)) == 1
    assert shipped.read(small_experiment(id="x901"), tmp_path) == ()


@pytest.mark.parametrize("experiment", experiments(), ids=lambda experiment: experiment.id)
def test_files_that_come_along_can_be_read_and_hold_whole_experiments(experiment: Experiment) -> None:
    found = shipped.read(experiment)
    if found:
        assert judge(experiment, found).verdict not in ("not run", "not finished")
