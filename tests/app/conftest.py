import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app import slot
from app.jobs import LocalEngine
from app.processes import lives
from core.claims import shipped
from core.design.plan import Plan
from storage import database, jobs, runs
from storage.database import Database
from storage.records import RunPublic
from storage.status import ACTIVE, SETTLED, Status
from tests.app import slow_job, slow_worker

TINY = """{"name": "tiny", "width": 16,
 "task": {"kind": "language_model", "vocabulary": 256, "context": 16, "tokenizer": "bytes"},
 "stacks": [{"layers": [{"pattern": [{"parts": [
   {"body": {"kind": "attention", "heads": 2, "kv_heads": 2}},
   {"body": {"kind": "moe", "experts": [{"count": 4, "kind": "glu", "hidden": 8}], "router": {
     "score": {"kind": "linear"}, "select": {"kind": "top_k", "k": 2},
     "weigh": {"kind": "renormalised"}, "combine": {"kind": "output_mix"}}}}]}]}]}]}"""
PATIENCE = 120.0


def plan(steps: int = 60, batch: int = 32, seed: int = 0) -> Plan:
    return Plan(steps=steps, batch=batch, seed=seed, checkpoint_every=10)


class Studio:
    """An engine whose workers run the slow trainer, and what the tests ask of it."""

    def __init__(self, root: Path) -> None:
        self.engine = LocalEngine(root, slow_worker.COMMAND, slow_job.COMMAND)
        self.db = self.engine.db
        self.root = self.engine.root

    def start(self, plan: Plan, request_id: str = "request") -> str:
        return self.engine.start(TINY, plan, "text", request_id)

    def run(self, run_id: str) -> RunPublic:
        return runs.get(self.db, run_id)

    def wait(self, run_id: str, until: Callable[[RunPublic], bool]) -> RunPublic:
        """The run once `until` holds; reaps meanwhile, as an open page does."""
        end = time.monotonic() + PATIENCE
        while not until(run := self.run(run_id)):
            log = self.root / "runs" / run_id / slot.LOG
            hopeless = run.status is Status.FAILED or time.monotonic() > end
            assert not hopeless, f"{run}\n{log.read_text() if log.exists() else 'no log'}"
            time.sleep(0.02)
            self.engine.reap()
        return run

    def settled(self, run_id: str) -> RunPublic:
        return self.wait(run_id, lambda run: run.status in SETTLED)

    def at_step(self, run_id: str, step: int) -> RunPublic:
        return self.wait(run_id, lambda run: run.step >= step and run.status in ACTIVE | SETTLED)

    def weights(self, run_id: str, step: int) -> bytes:
        return (self.root / "runs" / run_id / "checkpoints" / str(step) / "model.safetensors").read_bytes()

    def gone(self, run: RunPublic) -> None:
        """Wait for the process of a settled run to end."""
        end = time.monotonic() + PATIENCE
        while lives(run.pid, run.pid_started):
            assert time.monotonic() < end
            time.sleep(0.02)

    def close(self) -> None:
        self.engine._runs.launch = lambda: None
        self.engine._jobs.launch = lambda: None
        for summary in (*runs.listing(self.db), *jobs.listing(self.db)):
            if lives(summary.pid, summary.pid_started) and summary.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(summary.pid, signal.SIGKILL)
        self.db.close()


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """An empty data folder, and no process for anything that is queued."""
    monkeypatch.setenv("MOE_STUDIO_DATA", str(tmp_path))
    monkeypatch.setattr(slot.Slot, "launch", lambda self: None)
    opened = database.open(tmp_path)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def nothing_comes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on the results of experiments that come with the studio."""
    monkeypatch.setattr(shipped, "FOLDER", tmp_path / "measured")


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    monkeypatch.setattr(slot, "SILENCE_SECONDS", 1.5)
    opened = Studio(tmp_path / "data")
    yield opened
    opened.close()
