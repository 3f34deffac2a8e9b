"""The training process: `python -m app.worker RUN`.

Claims the run, resolves its plan once, trains, and leaves a last word. Started by `app.jobs`; two
of them for one run are as one. The next run in the queue is started at the end.
"""

import errno
import importlib.metadata
import json
import os
import platform
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

from app.jobs import LocalEngine
from app.paths import data_root
from app.processes import started_at
from app.pulse import Pulse
from app.slot import LOG
from core.design.facts import Event
from core.design.files import newest_checkpoint, write_whole
from core.design.plan import Plan
from core.design.rules import check
from core.design.saying import number
from core.design.spec import Design
from storage import files, metrics, runs, work
from storage.errors import StorageError
from storage.records import RunPublic
from storage.status import Status
from storage.tables import RunRow
from storage.work import Row

Ending = Literal["done", "paused", "stopped"]
NICENESS = 10
GIB = 2**30
PACKAGES = ("torch", "numpy", "scikit-learn", "safetensors")


@dataclass(frozen=True)
class Trainer:
    """What a worker needs to train; the tests put a slow one in its place."""

    load: Callable[[str, Path], Any]
    resolve: Callable[[Design, Plan, Any], Plan]
    train: Callable[..., Ending]
    #: Step of the newest checkpoint of a run folder that can be continued from.
    newest: Callable[[Path], int | None]
    #: Exceptions whose message is for the user.
    errors: tuple[type[Exception], ...]


class RunError(Exception):
    """A run that cannot go on, in words."""


def studio_trainer() -> Trainer:
    """The real one; loads torch."""
    from core.data.errors import DataError
    from core.data.load import load
    from core.train.errors import TrainingError
    from core.train.run import resolve, train

    return Trainer(load, resolve, train, newest_checkpoint, (DataError, TrainingError))


def main(run_id: str, engine: LocalEngine, trainer: Callable[[], Trainer] = studio_trainer) -> int:
    """Train one run if it is its turn; 0 unless the process has to be looked at."""
    begun = begin(engine, RunRow, run_id)
    if begun is not None:
        carry_out(run_id, *begun, engine, trainer)
        engine.reap()
    return 0


def begin(engine: LocalEngine, table: type[Row], row_id: str) -> tuple[int, Pulse[Row]] | None:
    """Become the worker of a run or job if it is its turn: the attempt, and the line to its row."""
    os.nice(NICENESS)
    limit_memory()
    engine.reap()
    with engine.db.write() as session:
        attempt = work.claim(session, table, row_id, os.getpid(), started_at(os.getpid()))
    if attempt is None:
        return None
    pulse = Pulse(engine.db, table, row_id, attempt)
    signal.signal(signal.SIGTERM, pulse.terminate)
    return attempt, pulse


def carry_out(
    run_id: str, attempt: int, pulse: Pulse[RunRow], engine: LocalEngine, trainer: Callable[[], Trainer]
) -> None:
    """Train a claimed run and leave the last word, whatever happens."""
    known: tuple[type[Exception], ...] = (RunError, StorageError)
    try:
        with pulse:
            pulse.show(message="Loading PyTorch")
            tools = trainer()
            known += tools.errors
            status, message = Status(work_on(runs.get(engine.db, run_id), attempt, engine, pulse, tools)), ""
    except known as error:
        status, message = Status.FAILED, str(error)
    except Exception as error:
        folder = files.folder(engine.root, "runs", run_id)
        # Named, not as standard error: a run of an experiment is trained in the process of a job.
        with suppress(OSError), (folder / LOG).open("a") as log:
            traceback.print_exc(file=log)
        kept = files.newest_checkpoint(folder)
        status, message = Status.FAILED, in_words(error, run_id, pulse.step, kept)
    pulse.finish(status, message)


def work_on(
    run: RunPublic, attempt: int, engine: LocalEngine, pulse: Pulse[RunRow], tools: Trainer
) -> Ending:
    """Everything between the claim and the last word."""
    folder = files.folder(engine.root, "runs", run.id)
    design = Design.model_validate_json(run.design)
    pulse.show(message="Reading the data")
    dataset = tools.load(run.data, engine.root)
    fingerprint = dataset.facts.fingerprint
    if run.data_fingerprint not in (None, fingerprint):
        raise RunError(
            f"The data {run.data!r} is not what this run began with, so going on would mix two trainings. "
            "To fix this, start a new run on the data as it is now."
        )
    if run.resolved_plan is None:
        problems = check(design, run.plan, dataset.facts, stage="train")
        if errors := [str(problem) for problem in problems if problem.severity == "error"]:
            raise RunError(" ".join(errors[:3]))
        pulse.show(message="Timing a few steps")
    plan = run.resolved_plan or tools.resolve(design, run.plan, dataset)
    here = environment()
    for name, content in (("design", design), ("plan", plan)):
        write_whole(folder / f"{name}.json", content.model_dump_json(indent=2))
    write_whole(folder / "environment.json", json.dumps(here, indent=2))
    begin = tools.newest(folder) or 0
    pulse.show(step=begin, message="")
    with engine.db.write() as session:
        values = {"step": begin, "data_fingerprint": fingerprint, "environment": here}
        if not runs.resolved(session, run.id, attempt, plan, **values):
            return "stopped"
        metrics.take_back(session, run.id, begin)
    if run.environment not in ({}, here):
        pulse.emit(Event(step=begin, kind="environment", text=difference(run.environment, here)))
    return tools.train(folder, design, plan, dataset, emit=pulse.emit, wanted=pulse.wanted)


def environment() -> dict[str, Any]:
    """What a bit-exact continuation depends on besides the run itself."""
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
    }


def difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    """What changed since the run last trained, in words."""
    flat = [{**env, **env.get("packages", {}), "packages": None} for env in (before, now)]
    changes = [
        f"{key} {flat[0].get(key)} is now {value}"
        for key, value in flat[1].items()
        if flat[0].get(key) != value
    ]
    return f"Continued elsewhere ({', '.join(changes)}): from here the last digits may differ."


def limit_memory() -> None:
    """Refuse memory far beyond the machine's, so that one run cannot take the machine down."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    # Mapped libraries count too, though they take no memory.
    wanted = 2 * psutil.virtual_memory().total + 16 * GIB
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def in_words(error: Exception, run_id: str, step: int, kept: int | None) -> str:
    """What the user reads when something broke that we did not foresee; the trace is in the log."""
    at = f"step {number(step)}"
    rest = "There is no checkpoint yet."
    if kept is not None:
        rest = f"The checkpoint of step {number(kept)} is kept."
    text = str(error)
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return (
            f"The disk is full, so {at} could not be saved. {rest} To fix this, free some space and resume."
        )
    if isinstance(error, MemoryError) or "not enough memory" in text or "can't allocate memory" in text:
        return (
            f"{at.capitalize()} needs more memory than this machine has. {rest} To fix this, start a run with"
            " a smaller batch or a shorter context."
        )
    return (
        f"Training stopped at {at} by a defect in the studio ({type(error).__name__}), not in your "
        f"design. {rest} The details are in runs/{run_id}/{LOG} of the data folder. To go on, resume the run."
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], LocalEngine(data_root())))
