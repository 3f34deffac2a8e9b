import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app import claiming, cli, measuring
from app import jobs as app_jobs
from app.errors import UserError
from app.jobs import LocalEngine
from app.performing import CancelledError, GiveWayError
from app.processes import kill
from app.slot import LOG
from core.papers import registry
from core.papers.base import Arm, Experiment, Paper
from storage import jobs, runs
from storage.drafts import Document
from storage.records import JobPublic
from storage.status import ACTIVE, Status
from tests.app.conftest import PATIENCE, TINY, plan
from tests.core.claims.small import small_experiment


def catalogue(monkeypatch: pytest.MonkeyPatch, experiment: Experiment) -> None:
    """The catalogue is one paper with this experiment."""
    words = dict.fromkeys(("title", "source", "summary", "good_for", "cost", "claim", "short"), "Words.")
    paper = Paper(name="small", year=2026, status="built", experiments=(experiment,), **words)
    for name, entries in (("ROUTING", (paper,)), ("AFTER_TRAINING", ()), ("BASELINES", ())):
        monkeypatch.setattr(registry, name, entries)


class Bench:
    """An engine that starts no process: jobs are performed here, with a report that may end them."""

    def __init__(self, root: Path) -> None:
        self.engine = LocalEngine(root)
        self.engine._runs.launch = lambda: None
        self.engine._jobs.launch = lambda: None
        self.db = self.engine.db
        self.count = 0
        self.said: list[str] = []

    def job(self, **arguments: Any) -> JobPublic:
        self.count += 1
        return jobs.create(
            self.db, claiming.KIND, None, {"experiment": "x900", **arguments}, f"r{self.count}"
        )

    def perform(self, job: JobPublic, *, reports: int | None = None, done: int = 0) -> dict[str, Any]:
        """Do the job; after so many reports it is to end, of those from when `done` runs are done."""
        left = [reports]

        def report(progress: float, message: str, result: dict[str, Any] | None = None) -> None:
            self.said.append(message)
            if left[0] is not None and (result or {}).get("done", 0) >= done:
                if left[0] == 0:
                    raise CancelledError
                left[0] -= 1

        return measuring.perform(self.engine, job, report)

    def row(self) -> claiming.Row:
        return claiming.row("x900", self.db)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    catalogue(monkeypatch, small_experiment())
    monkeypatch.setenv("MOE_STUDIO_DATA", str(tmp_path / "data"))
    opened = Bench(tmp_path / "data")
    monkeypatch.setattr(app_jobs, "LocalEngine", lambda root: opened.engine)
    app_jobs._engine_of.cache_clear()
    yield opened
    app_jobs._engine_of.cache_clear()
    opened.db.close()


def finished(bench: Bench) -> list[str]:
    return sorted(run.id for run in runs.listing(bench.db) if run.status is Status.DONE)


def test_each_arm_and_seed_is_an_ordinary_run_with_a_tag(bench: Bench) -> None:
    result = bench.perform(bench.job(seeds=2))
    assert (result["done"], result["wanted"], result["said"]) == (4, 4, "")
    listed = runs.listing(bench.db)
    assert {(run.tags, run.seed, run.status) for run in listed} == {
        (("claim", "x900", arm), seed, Status.DONE) for arm in ("even", "free") for seed in range(2)
    }
    row = bench.row()
    assert (row.source, row.result.done, row.result.wanted, row.result.verdict) == (
        "here",
        4,
        10,
        "not finished",
    )
    even = row.result.arms[0]
    assert set(even.runs) <= {run.id for run in listed}
    assert even.figures["active_parameters"] > 0
    assert {"loss", "cv", "nmi"} <= set(even.measures)


def test_nothing_is_done_twice(bench: Bench) -> None:
    bench.perform(bench.job(seeds=1))
    first = finished(bench)
    bench.said.clear()
    assert bench.perform(bench.job(seeds=2))["done"] == 4
    assert set(first) < set(finished(bench))
    assert not any("seed 0" in said for said in bench.said)


def test_what_is_finished_stays_when_the_job_ends_and_the_run_at_work_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CancelledError):
        bench.perform(bench.job(seeds=2), reports=2, done=2)
    before = finished(bench)
    assert 0 < len(before) < 4
    halted = [run.id for run in runs.listing(bench.db) if run.status is not Status.DONE]
    assert bench.perform(bench.job(seeds=2))["done"] == 4
    assert set(before) | set(halted) <= set(finished(bench))
    assert len(runs.listing(bench.db)) == 4


def test_a_killed_job_loses_the_run_at_work_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is gone between a run's training and its measurement: nothing is trained again."""

    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(measuring, "measure", kill)
        with pytest.raises(Killed):
            bench.perform(bench.job(seeds=1))
    (only,) = runs.listing(bench.db)
    assert (only.status, bench.row().result.done) == (Status.DONE, 0)
    bench.perform(bench.job(seeds=1))
    assert runs.get(bench.db, only.id).attempt == 1
    assert (len(finished(bench)), bench.row().result.done) == (2, 2)


def test_the_budget_ends_the_work_between_and_inside_runs(bench: Bench) -> None:
    result = bench.perform(bench.job(seeds=1, minutes=1e-9))
    assert (result["done"], "0 of 2 runs are in" in result["said"]) == (0, True)
    assert bench.row().result.verdict == "not run"
    assert bench.perform(bench.job(seeds=1))["done"] == 2


def test_more_measures_are_taken_of_runs_that_are_there(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.perform(bench.job(seeds=1))
    before = finished(bench)
    old = small_experiment()
    more = old.expects[0].model_copy(update={"measure": "train_loss"})
    wider = small_experiment(expects=(*old.expects, more))
    catalogue(monkeypatch, wider)
    bench.perform(bench.job(seeds=1))
    assert finished(bench) == before
    assert "train_loss" in bench.row().result.arms[0].measures


def test_an_arm_begins_with_the_run_of_its_parent(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Arm(name="even", title="First", method="switch", sets={"/moe/router/capacity": None})
    child = first.model_copy(update={"name": "free", "title": "Child", "start_from": "even"})
    catalogue(monkeypatch, small_experiment(arms=(first, child)))
    bench.perform(bench.job(seeds=1))
    by_arm = {run.tags[2]: run for run in runs.listing(bench.db)}
    assert by_arm["free"].parent == by_arm["even"].id
    assert runs.get(bench.db, by_arm["free"].id).plan.start_from == by_arm["even"].id
    # The parent's run was deleted, and another seed's child needs only its own parent.
    runs.erase(bench.db, by_arm["even"].id)
    assert bench.perform(bench.job(seeds=2))["done"] == 4


def test_other_jobs_and_other_runs_go_first(bench: Bench) -> None:
    other = jobs.create(bench.db, "export", None, {}, "other")
    with pytest.raises(GiveWayError):
        bench.perform(bench.job(seeds=1))
    jobs.cancel(bench.db, other.id)
    waiting = runs.create(bench.db, Document("tiny", TINY, "a" * 64), plan(), "text", "theirs")
    with pytest.raises(CancelledError):
        bench.perform(bench.job(seeds=1), reports=3)
    assert finished(bench) == []
    runs.stop(bench.db, waiting.id)
    assert bench.perform(bench.job(seeds=1))["done"] == 2


def test_a_job_that_only_waits_for_a_run_lets_others_pass(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.create(bench.db, Document("tiny", TINY, "a" * 64), plan(), "text", "theirs")
    monkeypatch.setattr(bench.engine, "reap", lambda: jobs.create(bench.db, "export", None, {}, "an export"))
    with pytest.raises(GiveWayError):
        bench.perform(bench.job(seeds=1), reports=20)
    assert finished(bench) == []


def test_what_cannot_be_trained_is_told_before_anything_is(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    arm = Arm(
        name="even", title="Even", method="switch", sets={"/moe/router/weigh": {"kind": "renormalised"}}
    )
    free = Arm(name="free", title="Free")
    catalogue(monkeypatch, small_experiment(arms=(free, arm)))
    with pytest.raises(UserError, match="The arm 'even' cannot be trained yet"):
        bench.perform(bench.job(seeds=1))
    assert runs.listing(bench.db) == ()


def test_a_run_that_breaks_is_told_and_its_log_has_the_reason(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: object, **__: object) -> None:
        raise KeyError("thumb")

    with monkeypatch.context() as patch:
        patch.setattr("core.train.run.Loop.advance", break_down)
        with pytest.raises(UserError, match=r"is failed, so 'Even' cannot be measured.*worker.log"):
            bench.perform(bench.job(seeds=1))
    (only,) = runs.listing(bench.db)
    log = bench.engine.root / "runs" / only.id / LOG
    assert "KeyError: 'thumb'" in log.read_text()
    assert bench.perform(bench.job(seeds=1))["done"] == 2
    assert runs.get(bench.db, only.id).status is Status.DONE


def test_start_and_stop_may_be_asked_twice(bench: Bench) -> None:
    job_id = claiming.start("x900", "one", seeds=3, minutes=2.0, arm="even")
    assert claiming.start("x900", "two") == job_id
    assert jobs.get(bench.db, job_id).arguments == {
        "experiment": "x900",
        "seeds": 3,
        "minutes": 2.0,
        "arm": "even",
    }
    activity = bench.row().activity
    assert activity is not None
    assert (activity.job, activity.status) == (job_id, Status.QUEUED)
    claiming.stop("x900")
    claiming.stop("x900")
    assert bench.row().activity is None
    with pytest.raises(UserError, match="To fix this"):
        claiming.start("x901", "three")
    with pytest.raises(UserError, match="needs the arm 'nobody'"):
        claiming.start("x900", "four", arm="nobody")


@pytest.mark.slow
def test_a_process_of_its_own_measures_gives_way_and_pauses_the_run_when_stopped(tmp_path: Path) -> None:
    """As `python -m app.job_worker` starts it, where classes of the worker's own module are others."""
    engine = LocalEngine(tmp_path / "data")

    def wait(until: Callable[[JobPublic], bool]) -> JobPublic:
        end = time.monotonic() + PATIENCE
        while not until(job := jobs.get(engine.db, job_id)):
            assert time.monotonic() < end, job
            time.sleep(0.02)
            engine.reap()
        return job

    job_id = engine.start_job(claiming.KIND, None, {"experiment": "x2", "seeds": 1}, "one")
    try:
        wait(lambda job: job.message.endswith("seed 0"))
        short = engine.start_job("export", None, {}, "two")
        wait(lambda job: job.attempt == 2 and job.message.endswith("seed 0"))
        assert jobs.get(engine.db, short).status is Status.FAILED
        wait(lambda job: any(run.status is Status.RUNNING for run in runs.listing(engine.db)))
        jobs.cancel(engine.db, job_id)
        assert wait(lambda job: job.status not in ACTIVE).status is Status.STOPPED
        assert [run.status for run in runs.listing(engine.db)] in (
            [Status.PAUSED],
            [Status.PAUSED, Status.DONE],
        )
    finally:
        jobs.cancel(engine.db, job_id)
        left = jobs.get(engine.db, job_id)
        kill(left.pid, left.pid_started)
        engine.db.close()


def command(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    status = cli.main(("papers", *argv))
    output = capsys.readouterr()
    return status, output.out, output.err


def test_the_command_shows_the_board_a_paper_and_json_and_records_what_came_out(
    bench: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    status, out, _ = command(capsys)
    assert (status, out.split()[0], out.split()[-3:]) == (0, "small", ["x900", "not", "run"])
    assert "To measure it: python -m app papers x900 --run" in command(capsys, "small")[1]
    bench.perform(bench.job(seeds=1))
    command(capsys, "x900", "--record")
    assert not (tmp_path / "measured").exists()
    bench.perform(bench.job())
    status, out, _ = command(capsys, "x900")
    assert status == 0
    assert "measured here, 10 of 10 runs" in out
    assert "held-out loss: " in out
    assert "FLOPs a token" in out
    (told,) = json.loads(command(capsys, "x900", "--json")[1])["experiments"]
    assert (told["experiment"], told["seeds"], told["done"]) == ("x900", 5, 10)
    (finding,) = told["findings"]
    assert finding["interval"][0] <= finding["difference"] <= finding["interval"][1]
    assert told["verdict"] == finding["outcome"]
    board = json.loads(command(capsys, "--json")[1])
    assert [entry["paper"] for entry in board["papers"]] == ["small"]

    assert "x900.json" in command(capsys, "x900", "--record")[2]
    here = bench.row().result
    with bench.db.write() as session:
        session.connection().exec_driver_sql("DELETE FROM measurement")
    row = bench.row()
    assert (row.source, row.result.verdict, row.result.done) == ("shipped", here.verdict, 10)
    assert row.result.findings[0].difference == here.findings[0].difference


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("smal",), "Did you mean 'small'"),
        (("x900", "--seeds", "5"), "add --run"),
        (("x900", "--run", "--seeds", "0"), "--seeds cannot be 0"),
    ],
)
def test_a_wrong_wish_is_told(
    bench: Bench, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], words: str
) -> None:
    status, _, err = command(capsys, *argv)
    assert (status, words in err) == (1, True)
