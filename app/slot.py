"""A queue of one slot whose work is done by detached processes of this machine."""

import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic

from app.processes import lives, spawn
from storage import files, work
from storage.database import Database
from storage.status import ACTIVE, Status
from storage.work import Row

#: A heartbeat older than this is a worker in trouble; it is lost if its process is gone as well.
SILENCE_SECONDS = 15.0
LOG = "worker.log"


class Slot(Generic[Row]):
    """Starts `python COMMAND ID` for what waits longest, and notices workers that end without a word.

    `kind` names the folder of logs under the data folder, `obituary` words the loss of a worker.
    """

    def __init__(
        self,
        db: Database,
        table: type[Row],
        kind: files.Kind,
        command: Sequence[str],
        obituary: Callable[[Row], str],
    ) -> None:
        self._db = db
        self._table: type[Row] = table
        self._kind = kind
        self._command = tuple(command)
        self._obituary: Callable[[Row], str] = obituary

    def launch(self) -> None:
        """Start a worker if something waits and the slot is free."""
        with self._db.read() as session:
            # Most calls find nothing to do, and should not keep a worker from writing.
            if not work.with_status(session, self._table, {Status.QUEUED}):
                return
        with self._db.write() as session:
            row_id = work.lease_next(session, self._table)
        if row_id is None:
            return
        try:
            log = files.folder(self._db.root, self._kind, row_id) / LOG
            process = spawn([*self._command, row_id], self._db.root, log)
        except OSError as error:
            self._fail_to_start(row_id, error.strerror or str(error))
            return
        threading.Thread(target=self._watch, args=(row_id, process), daemon=True).start()

    def reap(self) -> tuple[str, ...]:
        """Give up workers that are silent and gone; the ids they worked on."""
        with self._db.read() as session:
            working = [
                (row.id, row.attempt, row.heartbeat or 0.0, row.pid, row.pid_started)
                for row in work.with_status(session, self._table, ACTIVE)
            ]
        silent_since = time.time() - SILENCE_SECONDS
        return tuple(
            row_id
            for row_id, attempt, heartbeat, pid, started in working
            if heartbeat < silent_since and not lives(pid, started) and self._lose(row_id, attempt)
        )

    def _watch(self, row_id: str, process: subprocess.Popen[bytes]) -> None:
        """Wait for our child, or it would stay a zombie; if it ended without a word, say so at once."""
        code = process.wait()
        if code == 0 or not self._db.root.exists():
            return
        with self._db.read() as session:
            row = session.get(self._table, row_id)
            status, owner, attempt = (row.status, row.pid, row.attempt) if row else ("", None, 0)
        if status == Status.QUEUED:
            self._fail_to_start(row_id, f"it ended with status {code}")
        elif status in ACTIVE and owner == process.pid:
            self._lose(row_id, attempt)
        self.launch()

    def _lose(self, row_id: str, attempt: int) -> bool:
        with self._db.write() as session:
            row = session.get(self._table, row_id)
            return row is not None and work.lose(session, self._table, row_id, attempt, self._obituary(row))

    def _fail_to_start(self, row_id: str, reason: str) -> None:
        message = (
            f"The worker could not start: {reason}. Its output is in {self._kind}/{row_id}/{LOG} of the data "
            "folder. To fix this, mend what it names and try again."
        )
        with self._db.write() as session:
            waiting = self._table.status == Status.QUEUED
            work.move(
                session, self._table, row_id, Status.FAILED, waiting, message=message, ended_at=time.time()
            )
