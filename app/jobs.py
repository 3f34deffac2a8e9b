"""Start, pause, resume, stop, delete, reap: what pages and commands do with runs and other work.

An engine carries out the wishes; the one here starts a process of this machine for each. Everything is
idempotent, because one click may call back twice and two browsers may press the same button.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from app.paths import data_root
from app.slot import Slot
from core.design.plan import Plan
from core.design.spec import Design
from storage import database, files, jobs, runs
from storage.drafts import Document
from storage.records import Relation
from storage.tables import JobRow, RunRow


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

    def start_job(self, kind: str, run_id: str, arguments: dict[str, Any], request_id: str) -> str:
        """Queue a job on a run, such as an export, and return its id; the same request gives the same job."""

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

    def start_job(self, kind: str, run_id: str, arguments: dict[str, Any], request_id: str) -> str:
        job = jobs.create(self.db, kind, run_id, arguments, request_id)
        self._jobs.launch()
        return job.id

    def cancel_job(self, job_id: str) -> None:
        jobs.cancel(self.db, job_id)

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

    def _run_obituary(self, row: RunRow) -> str:
        kept = files.newest_checkpoint(files.folder(self.root, "runs", row.id))
        rest = "It had no checkpoint yet" if kept is None else f"Nothing before step {kept:,} is lost"
        return f"The training process ended without a word at step {row.step:,}. {rest}. Resume to go on."

    def _erase(self, run_id: str) -> None:
        # The row last: as long as it is there, whoever reaps next finishes an interrupted deletion.
        files.remove(self.root, "runs", run_id)
        runs.erase(self.db, run_id)


def _job_obituary(row: JobRow) -> str:
    return f"The process of this {row.kind} ended without a word. To fix this, start it again."


def engine() -> Engine:
    """The engine of the data folder, one per folder and process."""
    return _engine_of(data_root())


@cache
def _engine_of(root: Path) -> Engine:
    return LocalEngine(root)
