"""A worker's line to the database: heartbeat, batched records, the user's wish."""

import sys
import threading
import traceback
from types import TracebackType
from typing import Any, Generic, Literal, Self

from core.design.facts import Event, MetricsRow
from storage import metrics, work
from storage.database import Database
from storage.errors import StorageError
from storage.status import Status, Want
from storage.work import Row

Wish = Literal["run", "pause", "stop"]

#: Seconds between writes: two a second at most, and a heartbeat even inside a long step.
PERIOD = 0.5
FAREWELL_TRIES = 20


class Pulse(Generic[Row]):
    """Owns a run or job for one attempt. Enter it for the heartbeat; the rest costs next to nothing."""

    def __init__(self, db: Database, table: type[Row], row_id: str, attempt: int) -> None:
        self._db = db
        self._table: type[Row] = table
        self._row_id = row_id
        self._attempt = attempt
        self._want = Want.RUN
        self._terminated = False
        self._asked_to_pause = False
        self._pending: list[MetricsRow | Event] = []
        self._values: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
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
            self._values["step"] = max(self.step, record.step)

    def show(self, **values: Any) -> None:
        """Columns of the row to write with the next heartbeat."""
        with self._lock:
            self._values |= values

    @property
    def step(self) -> int:
        """The last step that was recorded."""
        return int(self._values.get("step", 0))

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

    def give_way(self) -> None:
        """A pause that follows goes back into the queue, behind what waits there."""
        self._asked_to_pause = True

    def finish(self, status: Status, message: str = "", **values: Any) -> None:
        """Store everything pending and the last word, after the heartbeat has ended."""
        self.show(**values)
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
            values = dict(self._values)
        try:
            with self._db.write() as session:
                want = work.beat(session, self._table, self._row_id, self._attempt, **values)
                if want is not None and batch:
                    metrics.add(session, self._row_id, batch)
                if status is not None:
                    work.finish(
                        session,
                        self._table,
                        self._row_id,
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
