"""Start, pause, resume, stop, delete, reap: what pages and command line do with runs.

An engine carries out the wishes; the one here starts a process of this machine for each run. Everything is
idempotent, because one click may call back twice and two browsers may press the same button.
"""

import subprocess
import threading
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

from app.paths import data_root
from app.processes import lives, spawn
from core.design.plan import Plan
from core.design.spec import Design
from storage import database, files, runs, work
from storage.drafts import Document
from storage.records import Relation
from storage.status import ACTIVE, Status
from storage.tables import RunRow

#: A heartbeat older than this is a worker in trouble; it is lost if its process is gone as well.
SILENCE_SECONDS = 15.0
LOG = "worker.log"


class Engine(Protocol):
    """Where runs are trained: this machine now, a cluster later."""

    def start(
        self,
        design_json: str,
        plan: Plan,
        data: str,
        request_id: str,
        parent: str | None = None,
        relation: Relation | None = None,
    ) -> str:
        """Queue a run and return its id; the same `request_id` again gives the same run."""

    def pause(self, run_id: str) -> None:
        """Ask for a checkpoint and the end of the worker."""

    def resume(self, run_id: str) -> None:
        """Queue a paused, lost or failed run again; it continues from its newest checkpoint."""

    def stop(self, run_id: str) -> None:
        """End a run early, for good."""

    def delete(self, run_id: str) -> None:
        """Remove a run and its files, stopping it first."""

    def reap(self) -> tuple[str, ...]:
        """Find workers that ended without a word, start what waits; the ids of runs newly lost."""


class LocalEngine:
    """One detached process per run on this machine, one at a time.

    `command` are the arguments to python before the run id.
    """

    def __init__(self, root: Path, command: Sequence[str] = ("-m", "app.worker")) -> None:
        self.db = database.open(root)
        self.root = self.db.root
        self._command = tuple(command)
        self._swept = False

    def start(
        self,
        design_json: str,
        plan: Plan,
        data: str,
        request_id: str,
        parent: str | None = None,
        relation: Relation | None = None,
    ) -> str:
        design = Design.model_validate_json(design_json)
        document = Document(design.name, design.model_dump_json(), design.sha)
        run = runs.create(self.db, document, plan, data, request_id, parent, relation)
        self.launch()
        return run.id

    def pause(self, run_id: str) -> None:
        runs.pause(self.db, run_id)

    def resume(self, run_id: str) -> None:
        runs.resume(self.db, run_id)
        self.launch()

    def stop(self, run_id: str) -> None:
        runs.stop(self.db, run_id)

    def delete(self, run_id: str) -> None:
        if runs.mark_for_deletion(self.db, run_id):
            self._erase(run_id)

    def reap(self) -> tuple[str, ...]:
        with self.db.read() as session:
            working = [
                (row.id, row.attempt, row.heartbeat or 0.0, row.pid, row.pid_started)
                for row in work.with_status(session, RunRow, ACTIVE)
            ]
        silent_since = time.time() - SILENCE_SECONDS
        lost = tuple(
            run_id
            for run_id, attempt, heartbeat, pid, started in working
            if heartbeat < silent_since and not lives(pid, started) and self._lose(run_id, attempt)
        )
        for run_id in runs.marked(self.db):
            self._erase(run_id)
        if not self._swept:
            self._swept = True
            files.sweep(self.root, "runs", runs.ids(self.db))
        self.launch()
        return lost

    def launch(self) -> None:
        """Start a worker for the run that has waited longest, if the slot is free."""
        with self.db.read() as session:
            # Most calls find nothing to do, and should not keep a worker from writing.
            if not work.with_status(session, RunRow, {Status.QUEUED}):
                return
        with self.db.write() as session:
            run_id = work.lease_next(session, RunRow)
        if run_id is None:
            return
        try:
            log = files.folder(self.root, "runs", run_id) / LOG
            process = spawn([*self._command, run_id], self.root, log)
        except OSError as error:
            self._fail_to_start(run_id, error.strerror or str(error))
            return
        threading.Thread(target=self._watch, args=(run_id, process), daemon=True).start()

    def _watch(self, run_id: str, process: subprocess.Popen[bytes]) -> None:
        """Wait for our child, or it would stay a zombie; if it ended without a word, say so at once."""
        code = process.wait()
        if code == 0 or not self.root.exists():
            return
        with self.db.read() as session:
            row = session.get(RunRow, run_id)
            status, owner, attempt = (row.status, row.pid, row.attempt) if row else ("", None, 0)
        if status == Status.QUEUED:
            self._fail_to_start(run_id, f"it ended with status {code}")
        elif status in ACTIVE and owner == process.pid:
            self._lose(run_id, attempt)
            self.reap()

    def _lose(self, run_id: str, attempt: int) -> bool:
        kept = files.newest_checkpoint(files.folder(self.root, "runs", run_id))
        with self.db.write() as session:
            row = session.get(RunRow, run_id)
            step = row.step if row else 0
            rest = "It had no checkpoint yet" if kept is None else f"Nothing before step {kept:,} is lost"
            message = f"The training process ended without a word at step {step:,}. {rest}. Resume to go on."
            return work.lose(session, RunRow, run_id, attempt, message)

    def _fail_to_start(self, run_id: str, reason: str) -> None:
        message = (
            f"The training process could not start: {reason}. Its output is in runs/{run_id}/{LOG} of the "
            "data folder. To fix this, mend what it names and resume the run."
        )
        with self.db.write() as session:
            waiting = RunRow.status == Status.QUEUED
            work.move(session, RunRow, run_id, Status.FAILED, waiting, message=message, ended_at=time.time())

    def _erase(self, run_id: str) -> None:
        # The row last: as long as it is there, whoever reaps next finishes an interrupted deletion.
        files.remove(self.root, "runs", run_id)
        runs.erase(self.db, run_id)


@cache
def engine() -> Engine:
    """The engine of this process."""
    return LocalEngine(data_root())
