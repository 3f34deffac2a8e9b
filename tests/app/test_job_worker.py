import os
import signal
import time
from collections.abc import Callable

import pytest

from app import jobs as app_jobs
from app import slot
from app.processes import lives
from core.design.files import write_whole
from storage import files, jobs, runs
from storage.drafts import Document
from storage.records import JobPublic
from storage.status import SETTLED, Status
from tests.app.conftest import PATIENCE, Studio, plan


@pytest.fixture
def run_id(studio: Studio) -> str:
    """A run that has ended."""
    run = runs.create(studio.db, Document("tiny", "{}", "a" * 64), plan(), "text", "request")
    runs.stop(studio.db, run.id)
    return run.id


def wait(studio: Studio, job_id: str, until: Callable[[JobPublic], bool]) -> JobPublic:
    end = time.monotonic() + PATIENCE
    while not until(job := jobs.get(studio.db, job_id)):
        assert time.monotonic() < end, job
        time.sleep(0.05)
        studio.engine.reap()
    return job


def settled(job: JobPublic) -> bool:
    return job.status in SETTLED


def test_a_job_leaves_its_result(studio: Studio, run_id: str) -> None:
    job_id = studio.engine.start_job("count", run_id, {"to": 5}, "click")
    assert studio.engine.start_job("count", run_id, {"to": 5}, "click") == job_id
    job = wait(studio, job_id, settled)
    assert (job.status, job.progress, job.message) == (Status.DONE, 1.0, "")
    assert job.result == {"counted": 5, "run": run_id}
    assert len(jobs.listing(studio.db)) == 1


def test_a_job_shows_its_progress_and_can_be_cancelled(studio: Studio, run_id: str) -> None:
    job_id = studio.engine.start_job("count", run_id, {"to": 5000}, "click")
    job = wait(studio, job_id, lambda job: job.progress > 0)
    assert job.message.endswith(" counted")
    studio.engine.cancel_job(job_id)
    studio.engine.cancel_job(job_id)
    assert wait(studio, job_id, settled).status is Status.STOPPED


def test_a_cancelled_job_that_never_asks_is_ended_and_leaves_nothing(
    studio: Studio, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_jobs, "GRACE_SECONDS", 0.5)
    job_id = studio.engine.start_job("stick", run_id, {}, "first")
    following = studio.engine.start_job("count", run_id, {"to": 3}, "second")
    job = wait(studio, job_id, lambda job: job.message == "stuck")
    folder = files.export_folder(studio.root, run_id, job_id)
    assert [path.name for path in folder.iterdir()] == [".half"]
    studio.engine.cancel_job(job_id)
    assert wait(studio, job_id, settled).status is Status.STOPPED
    end = time.monotonic() + PATIENCE
    while lives(job.pid, job.pid_started) or folder.exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    assert wait(studio, following, settled).status is Status.DONE
    assert jobs.get(studio.db, job_id).status is Status.STOPPED


def test_a_job_that_ended_before_its_cancel_keeps_its_files(studio: Studio, run_id: str) -> None:
    job_id = studio.engine.start_job("count", run_id, {"to": 1}, "click")
    job = wait(studio, job_id, settled)
    file = files.export_folder(studio.root, run_id, job_id) / "model.onnx"
    write_whole(file, b"whole")
    jobs.cancel(studio.db, job_id)
    studio.engine._end_job(job_id)
    assert file.read_bytes() == b"whole"
    assert not jobs.cut_off(studio.db, job_id, job.attempt)
    studio.engine._end_job("never-was-1")


@pytest.mark.parametrize(
    ("kind", "words"),
    [("refuse", "There is nothing to count. To fix this"), ("break", "defect in the studio (KeyError)")],
)
def test_a_job_that_fails_says_why(studio: Studio, run_id: str, kind: str, words: str) -> None:
    job = wait(studio, studio.engine.start_job(kind, run_id, {}, "click"), settled)
    assert job.status is Status.FAILED
    assert words in job.message
    assert "Traceback" not in job.message
    log = (studio.root / "jobs" / job.id / slot.LOG).read_text()
    assert ("Traceback" in log) is (kind == "break")


def test_a_long_job_lets_another_pass_and_goes_on(studio: Studio, run_id: str) -> None:
    long = studio.engine.start_job("way", None, {}, "long")
    wait(studio, long, lambda job: job.status is Status.RUNNING)
    short = studio.engine.start_job("count", run_id, {"to": 1}, "short")
    found = wait(studio, long, lambda job: job.status is Status.DONE)
    assert found.result == {"half": True, "turns": 2}
    ended = jobs.get(studio.db, short).ended_at
    assert ended is not None
    assert found.ended_at is not None
    assert ended < found.ended_at


def test_a_killed_job_is_lost_and_the_next_begins(studio: Studio, run_id: str) -> None:
    first = studio.engine.start_job("count", run_id, {"to": 5000}, "first")
    second = studio.engine.start_job("count", run_id, {"to": 3}, "second")
    job = wait(studio, first, lambda job: job.status is Status.RUNNING)
    assert jobs.get(studio.db, second).status is Status.QUEUED
    assert job.pid is not None
    os.kill(job.pid, signal.SIGKILL)
    lost = wait(studio, first, settled)
    assert lost.status is Status.LOST
    assert "To fix this, start it again" in lost.message
    assert wait(studio, second, settled).status is Status.DONE
