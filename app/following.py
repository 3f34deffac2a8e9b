"""Following a run on the terminal."""

import sys
import time
from typing import TextIO

from app.jobs import Engine
from core.design.facts import MetricsRow
from storage import jobs, metrics, runs
from storage.database import Database
from storage.records import JobPublic, RunPublic
from storage.status import ACTIVE, SETTLED, Status

POLL = 0.5
LINE_SECONDS = 5.0
PATIENCE = 120.0


def follow(engine: Engine, db: Database, run_id: str) -> RunPublic:
    """Report on a run to stderr until it settles. Ctrl-C pauses it, and ends the following once it rests."""
    progress = Progress(sys.stderr)
    try:
        while (run := runs.get(db, run_id)).status not in SETTLED:
            progress.show(run, metrics.newest(db, [run_id]).get(run_id))
            time.sleep(POLL)
            engine.reap()
    except KeyboardInterrupt:
        progress.say("Pausing; Ctrl-C again leaves it to itself.")
        engine.pause(run_id)
        run = rested(engine, db, run_id)
    progress.show(run, metrics.newest(db, [run_id]).get(run_id), last=True)
    return run


def rested(engine: Engine, db: Database, run_id: str) -> RunPublic:
    """The run once no worker holds it; after two minutes as it is then."""
    end = time.monotonic() + PATIENCE
    while (run := runs.get(db, run_id)).status in ACTIVE and time.monotonic() < end:
        time.sleep(POLL)
        engine.reap()
    return run


def follow_job(engine: Engine, db: Database, job_id: str) -> JobPublic:
    """Report on a job to stderr until it settles. Ctrl-C ends it; what it has stored stays."""
    progress = Progress(sys.stderr)
    waiting = ACTIVE | {Status.QUEUED}
    try:
        while (job := jobs.get(db, job_id)).status in waiting:
            progress.line(f"{job.status.value}  {job.progress:.0%}  {job.message}".rstrip())
            time.sleep(POLL)
            engine.reap()
    except KeyboardInterrupt:
        progress.say("Stopping; what is finished stays.")
        engine.cancel_job(job_id)
        end = time.monotonic() + PATIENCE
        while (job := jobs.get(db, job_id)).status in waiting and time.monotonic() < end:
            time.sleep(POLL)
            engine.reap()
    progress.line(f"{job.status.value}  {job.progress:.0%}", last=True)
    return job


def gone(engine: Engine, db: Database, run_id: str) -> bool:
    """Whether a run being deleted has vanished, after waiting for its worker up to two minutes."""
    end = time.monotonic() + PATIENCE
    while run_id in runs.ids(db) and time.monotonic() < end:
        time.sleep(POLL)
        engine.reap()
    return run_id not in runs.ids(db)


class Progress:
    """One line that is written over on a terminal, a line every few seconds elsewhere."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._over = out.isatty()
        self._width = 0
        self._shown = ""
        self._at = -LINE_SECONDS

    def show(self, run: RunPublic, row: MetricsRow | None, *, last: bool = False) -> None:
        """Report where the run stands."""
        self.line(describe(run, row), last=last)

    def line(self, line: str, *, last: bool = False) -> None:
        """Report in a line, if it is time for one and it says something new; the last one always."""
        due = last or self._over or time.monotonic() - self._at >= LINE_SECONDS
        if not due or (line == self._shown and not last):
            return
        self._at, self._shown = time.monotonic(), line
        if self._over:
            self._out.write("\r" + line.ljust(self._width) + ("\n" if last else ""))
            self._width = len(line)
        else:
            self._out.write(line + "\n")
        self._out.flush()

    def say(self, text: str) -> None:
        """A line of its own."""
        self._out.write(("\n" if self._over else "") + text + "\n")
        self._out.flush()


def describe(run: RunPublic, row: MetricsRow | None) -> str:
    """One line: status, steps, loss, time left."""
    steps = f"step {run.step:,}" + (f" of {run.total_steps:,}" if run.total_steps else "")
    parts = [run.status.value, steps]
    if row is not None and row.loss is not None:
        parts.append(f"loss {row.loss:.4f}")
    if row is not None and "loss" in row.held_out:
        parts.append(f"held-out {row.held_out['loss']:.4f}")
    left = seconds_left(run, row)
    if left is not None and run.status in ACTIVE:
        parts.append(f"{left:,.0f} s left")
    if run.message and run.status in ACTIVE:
        parts.append(run.message)
    return "  ".join(parts)


def seconds_left(run: RunPublic, row: MetricsRow | None) -> float | None:
    """Seconds of training that remain at the pace so far; None before there is a pace."""
    if row is None or not row.step or not run.total_steps:
        return None
    return max(0.0, row.seconds / row.step * (run.total_steps - row.step))
