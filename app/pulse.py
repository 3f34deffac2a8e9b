"""A worker's line to the database: heartbeat, batched records, the user's wish."""

import sys
import threading
import traceback
from types import TracebackType
from typing import Any, Literal

from core.design.facts import Event, MetricsRow
from storage import metrics, work
from storage.database import Database
from storage.errors import StorageError
from storage.status import Status, Want
from storage.tables import RunRow

Wish = Literal["run", "pause", "stop"]

#: Seconds between writes: two a second at most, and a heartbeat even inside a long step.
PERIOD = 0.5
FAREWELL_TRIES = 20


class Pulse:
    """Owns a run for one attempt. Enter it for the heartbeat; `emit` and `wanted` cost next to nothing."""

    def __init__(self, db: Database, run_id: str, attempt: int) -> None:
        self.run_id = run_id
        self.step = 0
        self._db = db
        self._attempt = attempt
        self._want = Want.RUN
        self._terminated = False
        self._asked_to_pause = False
        self._pending: list[MetricsRow | Event] = []
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> "Pulse":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()

    def emit(self, record: MetricsRow | Event) -> None:
        """Record something; it is stored within half a second."""
        with self._lock:
            self._pending.append(record)
            self.step = max(self.step, record.step)

    def wanted(self) -> Wish:
        """What the run should do now."""
        if self._want in {Want.STOP, Want.DELETE}:
            return "stop"
        if self._want is Want.PAUSE:
            self._asked_to_pause = True
            return "pause"
        return "pause" if self._terminated else "run"

    def terminate(self, *_signal: Any) -> None:
        """The machine or its keeper wants the process to end: pause, so that the run can go on later."""
        self._terminated = True

    def finish(self, status: Status, message: str = "") -> None:
        """Store everything pending and the last word, after the heartbeat has ended."""
        for attempt in range(FAREWELL_TRIES):
            try:
                self._write(status, message)
                return
            except StorageError:
                if attempt == FAREWELL_TRIES - 1:
                    raise
                self._ending.wait(PERIOD)

    def _beat(self) -> None:
        while not self._ending.wait(PERIOD):
            try:
                self._write()
            except StorageError:
                # A full disk or a busy database may pass; the records wait and the log has the reason.
                traceback.print_exc(file=sys.stderr)

    def _write(self, status: Status | None = None, message: str = "") -> None:
        with self._lock:
            batch, self._pending = self._pending, []
        try:
            with self._db.write() as session:
                want = work.beat(session, RunRow, self.run_id, self._attempt, step=self.step)
                if want is not None:
                    metrics.add(session, self.run_id, batch)
                if status is not None:
                    work.finish(
                        session,
                        RunRow,
                        self.run_id,
                        self._attempt,
                        status,
                        message,
                        asked=self._asked_to_pause,
                    )
        except BaseException:
            with self._lock:
                self._pending = batch + self._pending
            raise
        # A row that is no longer ours was given to another worker: end, and touch nothing more.
        self._want = Want.STOP if want is None else want
