"""Analyses over training, on what a real run leaves."""

from pathlib import Path

from app.over_training import Past, balances, jumps, settled, sleep
from core.design.facts import MetricsRow
from tests.core.train.tiny import Run, tiny_plan


def test_a_real_run_is_told_from_its_rows_and_its_traces(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", tiny_plan(trace_tokens=96, small_traces=3, context=8, log_every=3))
    run.train()
    rows = tuple(said for said in run.said if isinstance(said, MetricsRow))
    past = Past(rows, run.folder)
    (found,) = settled(past).values()
    assert found.steps_C.tolist() == [0, 1, 5, 12]
    assert found.agreement_C[-1] == 1
    assert (found.agreement_C >= 0).all()
    (even,) = balances(past).values()
    (slept,) = sleep(past).values()
    assert even.steps_S.tolist() == slept.steps_S.tolist() == sorted({row.step for row in rows if row.layers})
    assert slept.awake_SE.shape == (len(even.steps_S), 4)
    assert len(jumps(past)["loss"].steps) == 0
