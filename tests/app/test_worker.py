import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlmodel import Session

from app import pulse, worker
from app.processes import ROOT
from app.pulse import Pulse
from core.design.facts import Event, MetricsRow
from storage import metrics, runs, work
from storage.drafts import Document
from storage.errors import StorageError
from storage.status import Status
from storage.tables import RunRow
from tests.app.conftest import PATIENCE, Studio, plan


@pytest.fixture
def owned(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Pulse[RunRow]:
    """The line of a worker that owns a run."""
    monkeypatch.setattr(pulse, "PERIOD", 0.02)
    run = runs.create(studio.db, Document("tiny", "{}", "a" * 64), plan(), "text", "request")
    with studio.db.write() as session:
        attempt = work.claim(session, RunRow, run.id, 1, 1.0)
    assert attempt == 1
    return Pulse(studio.db, RunRow, run.id, attempt)


def only_run(studio: Studio) -> str:
    return runs.listing(studio.db)[0].id


def test_records_wait_while_the_disk_is_full(
    studio: Studio, owned: Pulse[RunRow], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write, full = studio.db.write, True

    @contextmanager
    def unreliable() -> Iterator[Session]:
        if full:
            raise StorageError("The disk is full.")
        with write() as session:
            yield session

    monkeypatch.setattr(studio.db, "write", unreliable)
    with owned:
        owned.emit(MetricsRow(step=1, seconds=1))
        owned.emit(Event(step=1, kind="note", text="first"))
        time.sleep(0.1)
        assert metrics.read(studio.db, only_run(studio)) == ()
        full = False
        owned.emit(MetricsRow(step=2, seconds=2))
    owned.finish(Status.DONE)
    assert [row.step for row in metrics.read(studio.db, only_run(studio))] == [1, 2]
    assert [event.text for event in metrics.events(studio.db, only_run(studio))] == ["first"]
    assert "The disk is full." in capsys.readouterr().err


def test_wishes_reach_the_worker(studio: Studio, owned: Pulse[RunRow]) -> None:
    def becomes(wish: str) -> bool:
        end = time.monotonic() + PATIENCE
        while owned.wanted() != wish and time.monotonic() < end:
            time.sleep(0.01)
        return owned.wanted() == wish

    with owned:
        assert owned.wanted() == "run"
        owned.terminate()
        assert owned.wanted() == "pause"
        runs.stop(studio.db, only_run(studio))
        assert becomes("stop")


def test_a_worker_without_its_run_stops(studio: Studio, owned: Pulse[RunRow]) -> None:
    runs.erase(studio.db, only_run(studio))
    with owned:
        owned.emit(MetricsRow(step=1, seconds=1))
        end = time.monotonic() + PATIENCE
        while owned.wanted() != "stop":
            assert time.monotonic() < end
            time.sleep(0.01)
    owned.finish(Status.DONE)
    assert runs.listing(studio.db) == ()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), "The disk is full, so step 1\u2009200 could not be saved"),
        (MemoryError(), "needs more memory than this machine has"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "needs more memory"),
        (OSError(5, "Input/output error"), "a defect in the studio (OSError)"),
        (ZeroDivisionError("division by zero"), "a defect in the studio (ZeroDivisionError)"),
    ],
)
def test_what_nobody_foresaw_is_told_in_words(error: Exception, words: str) -> None:
    told = worker.in_words(error, "run-1", 1200, 1000)
    assert words in told
    assert "The checkpoint of step 1\u2009000 is kept." in told
    assert "To " in told.rsplit(". ", 1)[1]
    assert "There is no checkpoint yet." in worker.in_words(error, "run-1", 3, None)


def test_memory_has_a_limit_above_what_the_machine_has() -> None:
    code = (
        "import resource, psutil; from app.worker import limit_memory; limit_memory(); limit_memory()\n"
        "soft, hard = resource.getrlimit(resource.RLIMIT_AS)\n"
        "assert psutil.virtual_memory().total < soft\n"
        "try: bytearray(soft)\n"
        "except MemoryError: print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("refused\n", "")
