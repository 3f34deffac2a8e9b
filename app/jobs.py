"""Start, pause, resume, stop, delete, reap: what pages and commands do with runs and other work.

An engine carries out the wishes; the one here starts a process of this machine for each. Everything is
idempotent, because one click may call back twice and two browsers may press the same button.
"""

import shutil
import threading
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from app.paths import data_root
from app.processes import kill, lives
from app.slot import Slot
from core.design.plan import Plan
from core.design.saying import number
from core.design.spec import Design
from storage import database, files, jobs, runs
from storage.drafts import Document
from storage.errors import NotFoundError
from storage.records import JobPublic, Relation
from storage.status import ACTIVE, Status
from storage.tables import JobRow, RunRow

#: A cancelled job has this long to end by itself.
GRACE_SECONDS = 2.0


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
        """Queue a paused, stopped, lost or failed run again; it continues from its newest checkpoint."""

    def stop(self, run_id: str) -> None:
        """End a run early. One that a worker holds is traced first; one at rest can be resumed for that."""

    def delete(self, run_id: str) -> None:
        """Remove a run and its files, stopping it first."""

    def start_job(self, kind: str, run_id: str | None, arguments: dict[str, Any], request_id: str) -> str:
        """Queue a job, such as an export of a run, and return its id; the same request gives the same job."""

    def cancel_job(self, job_id: str) -> None:
        """End a job early."""

    def reap(self) -> tuple[str, ...]:
        """Find workers that ended without a word, start what waits; the ids of runs newly lost."""


class LocalEngine:
    """One detached process at a time for runs, and one for other jobs, on this machine.

    The commands are arguments to python, to which the id of the run or job is added.
    """

    def __init__(
        self,
        root: Path,
        command: Sequence[str] = ("-m", "app.worker"),
        job_command: Sequence[str] = ("-m", "app.job_worker"),
    ) -> None:
        self.db = database.open(root)
        self.root = self.db.root
        self._runs = Slot(self.db, RunRow, "runs", command, self._run_obituary)
        self._jobs = Slot(self.db, JobRow, "jobs", job_command, _job_obituary)
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
        self._runs.launch()
        return run.id

    def pause(self, run_id: str) -> None:
        runs.pause(self.db, run_id)

    def resume(self, run_id: str) -> None:
        runs.resume(self.db, run_id)
        self._runs.launch()

    def stop(self, run_id: str) -> None:
        runs.stop(self.db, run_id)

    def delete(self, run_id: str) -> None:
        if runs.mark_for_deletion(self.db, run_id):
            self._erase(run_id)

    def start_job(self, kind: str, run_id: str | None, arguments: dict[str, Any], request_id: str) -> str:
        job = jobs.create(self.db, kind, run_id, arguments, request_id)
        self._jobs.launch()
        return job.id

    def cancel_job(self, job_id: str) -> None:
        jobs.cancel(self.db, job_id)
        # A job may be deep inside a library that never asks; it gets a moment to end by itself.
        threading.Thread(target=self._end_job, args=(job_id,), daemon=True).start()

    def reap(self) -> tuple[str, ...]:
        lost = self._runs.reap()
        self._jobs.reap()
        for run_id in runs.marked(self.db):
            self._erase(run_id)
        if not self._swept:
            self._swept = True
            files.sweep(self.root, "runs", runs.ids(self.db))
            files.sweep(self.root, "jobs", jobs.ids(self.db))
        self._runs.launch()
        self._jobs.launch()
        return lost

    def _end_job(self, job_id: str) -> None:
        """Wait for a cancelled job to end, else end its process; then remove what it left half-made."""
        patience = time.monotonic() + GRACE_SECONDS
        while (job := self._job(job_id)) and job.status in ACTIVE and time.monotonic() < patience:
            time.sleep(0.1)
        # First the word, so that nothing the process still writes counts, and nobody gives it up for lost.
        if job and jobs.cut_off(self.db, job_id, job.attempt):
            kill(job.pid, job.pid_started)
        elif job is None or job.status is not Status.STOPPED:
            return
        patience = time.monotonic() + GRACE_SECONDS
        while lives(job.pid, job.pid_started) and time.monotonic() < patience:
            time.sleep(0.05)
        if job.run_id is not None:
            shutil.rmtree(files.export_folder(self.root, job.run_id, job_id), ignore_errors=True)
        self._jobs.launch()

    def _job(self, job_id: str) -> JobPublic | None:
        """The job as it is now; None if it was deleted with its run."""
        try:
            return jobs.get(self.db, job_id)
        except NotFoundError:
            return None

    def _run_obituary(self, row: RunRow) -> str:
        kept = files.newest_checkpoint(files.folder(self.root, "runs", row.id))
        rest = "It had no checkpoint yet" if kept is None else f"Nothing before step {number(kept)} is lost"
        return (
            f"The training process ended without a word at step {number(row.step)}. {rest}. Resume to go on."
        )

    def _erase(self, run_id: str) -> None:
        # The row last: as long as it is there, whoever reaps next finishes an interrupted deletion.
        files.remove(self.root, "runs", run_id)
        runs.erase(self.db, run_id)


def _job_obituary(_row: JobRow) -> str:
    return "The process that worked on this ended without a word. To fix this, start it again."


def engine() -> Engine:
    """The engine of the data folder, one per folder and process."""
    return _engine_of(data_root())


@cache
def _engine_of(root: Path) -> Engine:
    return LocalEngine(root)
