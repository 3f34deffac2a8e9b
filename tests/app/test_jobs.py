import json
import os
import re
import signal
from pathlib import Path

import pytest

from app import jobs, slot
from app.processes import lives, started_at
from core.design.facts import MetricsRow
from core.design.plan import Plan
from storage import database, files, metrics, runs, work
from storage.drafts import Document
from storage.errors import NotFoundError
from storage.status import ACTIVE, Status
from storage.tables import RunRow
from tests.app import slow_worker
from tests.app.conftest import TINY, Studio, plan
from tests.checkpoints import write_checkpoint


def test_a_run_leaves_weights_records_and_its_identity(studio: Studio) -> None:
    run_id = studio.start(plan(steps=30))
    run = studio.settled(run_id)
    assert (run.status, run.step, run.total_steps, run.message) == (Status.DONE, 30, 30, "")
    assert studio.weights(run_id, 30) == slow_worker.finished(plan(steps=30))
    rows = metrics.read(studio.db, run_id)
    assert [row.step for row in rows] == list(range(1, 31))
    assert [event.kind for event in metrics.events(studio.db, run_id)] == ["checkpoint"] * 3
    folder = studio.root / "runs" / run_id
    assert run.resolved_plan == plan(steps=30).replaced(threads=1)
    assert json.loads((folder / "plan.json").read_text())["threads"] == 1
    assert json.loads((folder / "design.json").read_text())["name"] == "tiny"
    assert json.loads((folder / "environment.json").read_text()) == run.environment
    assert run.data_fingerprint == "f" * 64
    studio.gone(run)


def test_pause_and_resume_give_the_same_weights_in_a_new_process(studio: Studio) -> None:
    run_id = studio.start(plan(steps=250))
    studio.at_step(run_id, 5)
    studio.engine.pause(run_id)
    studio.engine.pause(run_id)
    paused = studio.settled(run_id)
    assert paused.status is Status.PAUSED
    assert 5 <= paused.step < 250
    assert files.newest_checkpoint(studio.root / "runs" / run_id) == paused.step
    studio.engine.resume(run_id)
    studio.engine.resume(run_id)
    done = studio.settled(run_id)
    assert (done.status, done.attempt) == (Status.DONE, 2)
    assert done.pid != paused.pid
    assert studio.weights(run_id, 250) == slow_worker.finished(plan(steps=250))
    assert [row.step for row in metrics.read(studio.db, run_id)] == list(range(1, 251))


def test_a_polite_signal_pauses(studio: Studio) -> None:
    run_id = studio.start(plan(steps=400))
    run = studio.at_step(run_id, 3)
    assert run.pid is not None
    os.kill(run.pid, signal.SIGTERM)
    assert studio.settled(run_id).status is Status.PAUSED


def test_stop_keeps_what_was_reached(studio: Studio) -> None:
    run_id = studio.start(plan(steps=400))
    studio.at_step(run_id, 3)
    studio.engine.stop(run_id)
    run = studio.settled(run_id)
    assert run.status is Status.STOPPED
    assert files.newest_checkpoint(studio.root / "runs" / run_id) == run.step < 400


def test_one_trains_and_the_next_follows_by_itself(studio: Studio) -> None:
    first = studio.start(plan(steps=40), "first")
    second = studio.start(plan(steps=5), "second")
    assert studio.start(plan(steps=40), "first") == first
    studio.at_step(first, 3)
    assert studio.run(second).status is Status.QUEUED
    ended = studio.settled(second)
    before = studio.run(first)
    assert (before.status, ended.status) == (Status.DONE, Status.DONE)
    assert before.ended_at is not None
    assert ended.started_at is not None
    assert before.ended_at <= ended.started_at


def test_deleting_a_running_run_stops_it_first_and_leaves_nothing(studio: Studio) -> None:
    run_id = studio.start(plan(steps=4000))
    run = studio.at_step(run_id, 3)
    studio.engine.delete(run_id)
    studio.engine.delete(run_id)
    assert runs.listing(studio.db) == ()
    with pytest.raises(NotFoundError):
        studio.wait(run_id, lambda run: False)
    studio.gone(run)
    assert list((studio.root / "runs").iterdir()) == []
    assert runs.ids(studio.db) == frozenset()


def test_a_long_step_keeps_its_heartbeat_and_is_never_lost(studio: Studio) -> None:
    run_id = studio.start(plan(batch=slow_worker.LONG_STEP))
    first = studio.at_step(run_id, 9).heartbeat
    assert first is not None
    later = studio.wait(run_id, lambda run: (run.heartbeat or 0) > first + 1.6)
    assert (later.status, later.step) == (Status.RUNNING, 9)


@pytest.mark.parametrize(
    ("batch", "words", "traced"),
    [
        (slow_worker.REFUSED, r"Loss became NaN at step 10. To fix this, lower the rate.", False),
        (slow_worker.FULL_DISK, r"disk is full.*no checkpoint yet.*To fix this, free some space", True),
        (slow_worker.DEFECT, r"stopped at step \d by a defect in the studio \(KeyError\).*worker.log", True),
    ],
    ids=["known", "full disk", "defect"],
)
def test_failures_are_told_in_words_and_traced_in_the_log(
    studio: Studio, batch: int, words: str, traced: bool
) -> None:
    run_id = studio.start(plan(batch=batch))
    run = studio.settled(run_id)
    assert run.status is Status.FAILED
    assert run.step == 9
    assert re.search(words, run.message)
    assert "Traceback" not in run.message
    assert ("Traceback" in (studio.root / "runs" / run_id / slot.LOG).read_text()) is traced
    assert [row.step for row in metrics.read(studio.db, run_id)] == list(range(1, 10))


def test_a_design_that_cannot_train_fails_with_its_problem(studio: Studio) -> None:
    too_many = TINY.replace('"k": 2', '"k": 9')
    run = studio.settled(studio.engine.start(too_many, plan(), "text", "request"))
    assert (run.status, run.resolved_plan) == (Status.FAILED, None)
    assert "9" in run.message
    assert "To fix this" in run.message


def test_data_that_changed_meanwhile_is_not_mixed_in(studio: Studio) -> None:
    run_id = studio.start(plan(steps=250))
    studio.at_step(run_id, 3)
    studio.engine.pause(run_id)
    studio.settled(run_id)
    with studio.db.write() as session:
        work.changed(session, RunRow, RunRow.id == run_id, data_fingerprint="0" * 64)
    studio.engine.resume(run_id)
    run = studio.wait(run_id, lambda run: run.attempt == 2 and run.status not in ACTIVE)
    assert run.status is Status.FAILED
    assert "is not what this run began with" in run.message


def test_continuing_elsewhere_is_noted(studio: Studio) -> None:
    run_id = studio.start(plan(steps=250))
    studio.at_step(run_id, 3)
    studio.engine.pause(run_id)
    paused = studio.settled(run_id)
    before = {**paused.environment, "machine": "abacus"}
    with studio.db.write() as session:
        work.changed(session, RunRow, RunRow.id == run_id, environment=before)
    studio.engine.resume(run_id)
    studio.wait(run_id, lambda run: run.attempt == 2 and run.status in {Status.DONE})
    notes = [event for event in metrics.events(studio.db, run_id) if event.kind == "environment"]
    assert [(note.step, "machine abacus is now" in note.text) for note in notes] == [(paused.step, True)]


def test_a_worker_that_cannot_start_is_a_failed_run(studio: Studio) -> None:
    broken = jobs.LocalEngine(studio.root, ("-c", "import sys; sys.exit('no luck')"))
    studio.engine = broken
    run_id = studio.start(plan())
    run = studio.settled(run_id)
    assert (run.status, run.attempt) == (Status.FAILED, 0)
    assert "could not start: it ended with status 1" in run.message
    assert (studio.root / "runs" / run_id / slot.LOG).read_text() == "no luck\n"


def test_a_reused_process_id_is_not_the_worker(studio: Studio) -> None:
    me = os.getpid()
    assert lives(me, started_at(me))
    assert not lives(me, started_at(me) - 60)
    assert not lives(None, None)
    run_id = runs.create(studio.db, *_parts(), "request").id
    with studio.db.write() as session:
        assert work.claim(session, RunRow, run_id, me, started_at(me) - 60) == 1
    assert studio.engine.reap() == ()
    with studio.db.write() as session:
        work.changed(session, RunRow, RunRow.id == run_id, heartbeat=0.0, step=1310)
        metrics.add(session, run_id, [MetricsRow(step=1310, seconds=1)])
    write_checkpoint(studio.root / "runs" / run_id, 1300)
    assert studio.engine.reap() == (run_id,)
    run = studio.run(run_id)
    assert run.status is Status.LOST
    assert run.message == (
        "The training process ended without a word at step 1\u2009310. Nothing before step"
        " 1\u2009300 is lost. Resume to go on."
    )


def _parts() -> tuple[Document, Plan, str]:
    return Document("tiny", "{}", "a" * 64), plan(), "text"


def test_each_data_folder_has_its_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engines = []
    for name in ("one", "two", "one"):
        monkeypatch.setenv("MOE_STUDIO_DATA", str(tmp_path / name))
        engines.append(jobs.engine())
    assert engines[0] is engines[2] is not engines[1]
    for name in ("one", "two"):
        database.open(tmp_path / name).close()
