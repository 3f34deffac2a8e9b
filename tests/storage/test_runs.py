import json
import threading
from collections.abc import Callable

import pytest
from sqlmodel import select

from core.design.facts import Event, MetricsRow
from storage import jobs, metrics, runs, work
from storage.database import Database
from storage.errors import IllegalMoveError, NotFoundError, StorageError
from storage.records import RunPublic, RunSummary
from storage.status import ACTIVE, Status, Want
from storage.tables import JobRow, RunRow
from tests.storage.conftest import DOCUMENT, PLAN


def put(db: Database, run: RunPublic, status: Status) -> None:
    with db.write() as session:
        work.changed(session, RunRow, RunRow.id == run.id, status=status.value, want=Want.RUN.value)


def claim(db: Database, run_id: str, pid: int = 7) -> int | None:
    with db.write() as session:
        return work.claim(session, RunRow, run_id, pid, 1.0)


def end(db: Database, run_id: str, attempt: int, to: Status, *, asked: bool = False) -> bool:
    with db.write() as session:
        return work.finish(session, RunRow, run_id, attempt, to, asked=asked)


def test_the_same_request_is_the_same_run(db: Database, run: RunPublic) -> None:
    assert runs.create(db, DOCUMENT, PLAN, "text", "request-1") == run
    assert runs.create(db, DOCUMENT, PLAN, "text", "request-2").id != run.id
    assert run.id.startswith("tiny-design-")
    assert (run.plan, run.plan_sha, run.total_steps, run.resolved_plan) == (PLAN, PLAN.sha, 20, None)


def test_two_requests_at_once_make_one_run(db: Database) -> None:
    made: list[str] = []
    start = threading.Barrier(4)

    def click() -> None:
        start.wait()
        made.append(runs.create(db, DOCUMENT, PLAN, "text", "double click").id)

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    assert len(set(made)) == len(runs.listing(db)) == 1


def test_one_slot(db: Database, run: RunPublic) -> None:
    second = runs.create(db, DOCUMENT, PLAN, "text", "request-2")
    attempt = claim(db, run.id)
    assert attempt == 1
    assert claim(db, run.id) is None
    assert claim(db, second.id) is None
    assert end(db, run.id, attempt, Status.DONE)
    assert claim(db, second.id) == 1


def test_the_oldest_is_launched_once(db: Database, run: RunPublic, monkeypatch: pytest.MonkeyPatch) -> None:
    second = runs.create(db, DOCUMENT, PLAN, "text", "request-2")

    def lease() -> str | None:
        with db.write() as session:
            return work.lease_next(session, RunRow)

    assert [lease(), lease()] == [run.id, None]
    monkeypatch.setattr(work, "LAUNCH_SECONDS", -1.0)
    assert lease() == run.id
    attempt = claim(db, run.id)
    assert attempt is not None
    assert lease() is None
    end(db, run.id, attempt, Status.STOPPED)
    assert lease() == second.id


def test_a_worker_given_up_for_lost_writes_no_more(db: Database, run: RunPublic) -> None:
    first = claim(db, run.id)
    assert first is not None
    with db.write() as session:
        assert work.beat(session, RunRow, run.id, first, step=5) is Want.RUN
        assert work.lose(session, RunRow, run.id, first, "gone")
    runs.resume(db, run.id)
    second = claim(db, run.id)
    assert second == first + 1
    with db.write() as session:
        assert work.beat(session, RunRow, run.id, first, step=9) is None
        assert not work.lose(session, RunRow, run.id, first, "gone again")
    assert not end(db, run.id, first, Status.FAILED)
    assert (runs.get(db, run.id).status, runs.get(db, run.id).step) == (Status.RUNNING, 5)


@pytest.mark.parametrize(
    ("before", "pause", "stop", "resume"),
    [
        ("queued", "paused", "stopped", "queued"),
        ("running", "pausing", "stopping", "running"),
        ("pausing", "pausing", "stopping", "running"),
        ("stopping", "stopping", "stopping", None),
        ("paused", "paused", "stopped", "queued"),
        ("lost", "lost", "stopped", "queued"),
        ("failed", "failed", "failed", "queued"),
        ("done", "done", "done", None),
        ("stopped", "stopped", "stopped", "queued"),
    ],
)
def test_what_each_wish_does(
    db: Database, run: RunPublic, before: str, pause: str, stop: str, resume: str | None
) -> None:
    for ask, after in ((runs.pause, pause), (runs.stop, stop)):
        put(db, run, Status(before))
        ask(db, run.id)
        ask(db, run.id)
        assert runs.get(db, run.id).status == after
    put(db, run, Status(before))
    if resume is None:
        with pytest.raises(IllegalMoveError, match=rf"is {before}, and only .* To fix this"):
            runs.resume(db, run.id)
    else:
        runs.resume(db, run.id)
        runs.resume(db, run.id)
        assert (runs.get(db, run.id).status, runs.get(db, run.id).want) == (resume, Want.RUN)


@pytest.mark.parametrize(
    ("then", "asked", "after"),
    [
        (None, True, "paused"),
        (None, False, "paused"),
        (runs.resume, True, "queued"),
        (runs.resume, False, "paused"),
        (runs.stop, True, "stopped"),
        (runs.mark_for_deletion, True, "stopped"),
    ],
)
def test_another_wish_after_the_worker_began_to_pause(
    db: Database, run: RunPublic, then: Callable[[Database, str], object] | None, asked: bool, after: str
) -> None:
    attempt = claim(db, run.id)
    assert attempt is not None
    runs.pause(db, run.id)
    if then:
        then(db, run.id)
    assert end(db, run.id, attempt, Status.PAUSED, asked=asked)
    with db.read() as session:
        assert session.exec(select(RunRow.status)).one() == after


@pytest.mark.parametrize("status", Status)
def test_deleting(db: Database, run: RunPublic, status: Status) -> None:
    with db.write() as session:
        metrics.add(session, run.id, [MetricsRow(step=1, seconds=1), Event(step=1, kind="note", text="x")])
    put(db, run, status)
    free = runs.mark_for_deletion(db, run.id)
    assert free is (status not in ACTIVE)
    assert runs.listing(db) == ()
    assert runs.marked(db) == ((run.id,) if free else ())
    for ask in (runs.pause, runs.stop, runs.resume):
        with pytest.raises(NotFoundError, match=r"To fix this"):
            ask(db, run.id)
    assert claim(db, run.id) is None
    runs.erase(db, run.id)
    assert runs.mark_for_deletion(db, run.id)
    assert metrics.read(db, run.id) == ()
    assert metrics.events(db, run.id) == ()


def test_a_child_outlives_its_parent(db: Database, run: RunPublic) -> None:
    child = runs.create(
        db, DOCUMENT, PLAN, "text", "request-2", parent=run.id, relation="extend", tags=("a", "b")
    )
    assert (child.parent, child.relation, child.tags) == (run.id, "extend", ("a", "b"))
    runs.erase(db, run.id)
    assert runs.get(db, child.id).parent is None
    with pytest.raises(NotFoundError):
        runs.create(db, DOCUMENT, PLAN, "text", "request-3", parent=run.id)


def test_the_list_is_short_and_new_first(db: Database, run: RunPublic) -> None:
    second = runs.create(db, DOCUMENT, PLAN, "text", "request-2")
    listed = runs.listing(db)
    assert [type(entry) for entry in listed] == [RunSummary, RunSummary]
    assert [entry.id for entry in listed] == [second.id, run.id]
    assert runs.ids(db) == {run.id, second.id}


def test_the_queue_has_an_end(db: Database, run: RunPublic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "QUEUE_LIMIT", 1)
    with pytest.raises(StorageError, match=r"1 runs are waiting already.*To fix this"):
        runs.create(db, DOCUMENT, PLAN, "text", "request-2")


def test_rows_of_one_step_become_one(db: Database, run: RunPublic) -> None:
    with db.write() as session:
        metrics.add(session, run.id, [MetricsRow(step=10, seconds=1, loss=2.5, parts={"ce": 2.0})])
        evaluated = MetricsRow(step=10, seconds=1.5, held_out={"english": 2.25}, parts={"z": 0.5})
        metrics.add(session, run.id, [evaluated, MetricsRow(step=11, seconds=2, loss=2.25)])
    first, second = metrics.read(db, run.id)
    assert first == MetricsRow(
        step=10, seconds=1.5, loss=2.5, held_out={"english": 2.25}, parts={"ce": 2.0, "z": 0.5}
    )
    assert metrics.read(db, run.id, after=10) == (second,)
    assert metrics.newest(db, [run.id, "nobody"]) == {run.id: second}


def test_tables_come_apart_from_the_rest_of_a_row(db: Database, run: RunPublic) -> None:
    table, share = {"decoder.0.1": ((1, 2), (3, 4))}, {"decoder.1.1": ((0.25, 0.75),)}
    with db.write() as session:
        both = MetricsRow(step=10, seconds=1, loss=2.5, domain_expert=table, domain_share=share)
        metrics.add(session, run.id, [both, MetricsRow(step=20, seconds=2, loss=2.0)])
    ((step, found),) = metrics.tables(db, run.id)
    assert step == 10
    assert {name: json.loads(text) for name, text in found.items()} == {
        "domain_expert": {"decoder.0.1": [[1, 2], [3, 4]]},
        "domain_share": {"decoder.1.1": [[0.25, 0.75]]},
    }
    slim = metrics.read(db, run.id, without=("domain_expert", "domain_share"))
    assert slim == (MetricsRow(step=10, seconds=1, loss=2.5), MetricsRow(step=20, seconds=2, loss=2.0))


def test_what_lies_after_the_checkpoint_is_taken_back(db: Database, run: RunPublic) -> None:
    with db.write() as session:
        for step in range(1, 6):
            note = Event(step=step, kind="note", text=str(step))
            metrics.add(session, run.id, [MetricsRow(step=step, seconds=step), note])
        metrics.take_back(session, run.id, 3)
    assert [row.step for row in metrics.read(db, run.id)] == [1, 2, 3]
    assert [event.text for event in metrics.events(db, run.id)] == ["1", "2", "3"]


def test_jobs_have_a_queue_of_their_own(db: Database, run: RunPublic) -> None:
    assert claim(db, run.id) == 1
    job = jobs.create(db, "export", run.id, {"to": "onnx"}, "job-1")
    assert jobs.create(db, "export", run.id, {"to": "onnx"}, "job-1") == job
    with db.write() as session:
        assert work.claim(session, JobRow, job.id, 8, 1.0) == 1
        assert work.beat(session, JobRow, job.id, 1, progress=0.5, message="half") is Want.RUN
    jobs.cancel(db, job.id)
    with db.write() as session:
        assert work.beat(session, JobRow, job.id, 1, progress=0.75) is Want.STOP
        assert work.finish(session, JobRow, job.id, 1, Status.DONE, result={"file": "x.onnx"}, progress=1.0)
    assert jobs.listing(db, run.id) == (jobs.get(db, job.id),)
    assert jobs.get(db, job.id).result == {"file": "x.onnx"}
