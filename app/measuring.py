"""The job that measures an experiment: trains what is missing, one ordinary run after the other. Loads torch.

Each finished arm and seed is stored at once, so a killed job loses the run at work at most, and even that
goes on from its last checkpoint when the experiment is started again. Runs are trained here one by one, but
only while nothing else trains or waits to: a run that a user starts goes first, and so does another kind of
job.
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from app.errors import UserError
from app.jobs import LocalEngine
from app.performing import CancelledError, GiveWayError, Report
from app.processes import started_at
from app.pulse import Pulse, Wish
from app.worker import carry_out, environment, studio_trainer
from core.claims.arms import Trial, design_of, figures_of, key_of, plan_of, problems_of, trials
from core.claims.errors import ClaimError
from core.claims.measures.base import Subject
from core.claims.measures.vocabulary import measure
from core.claims.naming import ALWAYS, UnknownMeasureError, asked
from core.claims.results import LEAST_SEEDS
from core.data.base import Dataset
from core.data.load import load
from core.papers.registry import UnknownPaperError
from core.papers.registry import experiment as experiment_of
from core.train.errors import CheckpointError
from storage import files, jobs, measurements, metrics, runs, work
from storage.drafts import Document
from storage.records import JobPublic, MeasurementPublic, RunPublic
from storage.status import ACTIVE, RESUMABLE, Status
from storage.tables import RunRow

POLL = 0.5


@dataclass
class Progress:
    """How far the job is. `spent` seconds of its budget are gone, those of earlier turns included."""

    report: Report
    wanted: int
    budget: float
    spent: float
    done: int = 0
    doing: str = ""
    clock: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Spent so far."""
        return self.spent + time.monotonic() - self.clock

    @property
    def over(self) -> bool:
        """Whether the budget is spent."""
        return self.seconds > self.budget

    def result(self, said: str = "") -> dict[str, Any]:
        """What the job leaves behind."""
        return {"done": self.done, "wanted": self.wanted, "spent": self.seconds, "said": said}

    def show(self, doing: str = "") -> None:
        """Tell, and end here if the job is to end."""
        self.doing = doing or self.doing
        self.report(self.done / max(1, self.wanted), self.doing, self.result())


def perform(engine: LocalEngine, job: JobPublic, report: Report) -> dict[str, Any]:
    """The job `claims`, with arguments {"experiment", "seeds", "minutes", "arm"}, all but the first optional.

    The result is {"done", "wanted", "spent", "said"}. Raises UserError for an experiment that cannot be run,
    CancelledError when it is stopped, GiveWayError when another job waits.
    """
    try:
        experiment = experiment_of(str(job.arguments["experiment"]))
        seeds = job.arguments.get("seeds") or max(experiment.seeds, LEAST_SEEDS)
        wanted = trials(experiment, int(seeds), job.arguments.get("arm"))
        minutes = job.arguments.get("minutes") or experiment.minutes
        spent = float(job.result.get("spent", 0.0))
        progress = Progress(report, len(wanted), 60 * float(minutes), spent)
        return _perform(engine, job, progress, wanted)
    except (ClaimError, UnknownPaperError, UnknownMeasureError, CheckpointError) as error:
        raise UserError(str(error)) from error


def _perform(
    engine: LocalEngine, job: JobPublic, progress: Progress, wanted: tuple[Trial, ...]
) -> dict[str, Any]:
    @cache
    def data(name: str) -> Dataset:
        return load(name, engine.root, paths=False)

    stored = measurements.read(engine.db, [trial.declared for trial in wanted])
    keys = {trial.declared: key_of(trial, lambda name: data(name).facts) for trial in wanted}
    missing = _to_do(wanted, stored, keys)
    progress.done = len(wanted) - len(missing)
    for trial in missing:
        if problems := problems_of(trial, data(trial.data).facts):
            raise UserError(f"The arm {trial.arm.name!r} cannot be trained yet: {problems[0]}")
    for trial in missing:
        progress.show(f"{trial.arm.title}, seed {trial.seed}")
        if _others_wait(engine, job):
            raise GiveWayError
        run = None if progress.over else _trained(engine, job, progress, trial, keys, data)
        if run is None:
            said = f"{progress.done} of {progress.wanted} runs are in, and the time budget is spent."
            return progress.result(f"{said} To go on, start the experiment again.")
        names = _missing(trial, stored.get(trial.declared), keys[trial.declared])
        row = metrics.newest(engine.db, [run.id]).get(run.id)
        trained, before = row.seconds if row else 0.0, progress.seconds
        subject = Subject(files.folder(engine.root, "runs", run.id), data(trial.data))
        measurements.keep(
            engine.db,
            trial.declared,
            key=keys[trial.declared],
            seed=trial.seed,
            run_id=run.id,
            found=measure(subject, names),
            figures=figures_of(subject.design, subject.rates),
            environment=environment(),
            seconds=trained + progress.seconds - before,
        )
        progress.done += 1
    return progress.result()


def _to_do(
    wanted: tuple[Trial, ...], stored: Mapping[str, MeasurementPublic], keys: Mapping[str, str]
) -> list[Trial]:
    """Trials that lack a measure, and those whose run is gone though another one begins with it."""
    needed: set[str] = set()
    found = []
    for trial in reversed(wanted):
        known = stored.get(trial.declared)
        gone = known is None or known.run_id is None
        if _missing(trial, known, keys[trial.declared]) or (trial.declared in needed and gone):
            found.append(trial)
            needed |= {trial.parent.declared} if trial.parent else set()
    return found[::-1]


def _missing(trial: Trial, known: MeasurementPublic | None, key: str) -> tuple[str, ...]:
    """The measures that are still to be taken of a trial."""
    names = dict.fromkeys((*ALWAYS, *asked(trial.experiment, trial.arm.name)))
    tried: set[str] = set()
    if known is not None and known.key == key:
        tried = set(known.found) | set(known.figures)
    return tuple(name for name in names if name not in tried)


def _others_wait(engine: LocalEngine, job: JobPublic) -> bool:
    return any(other.status is Status.QUEUED and other.kind != job.kind for other in jobs.listing(engine.db))


def _trained(
    engine: LocalEngine,
    job: JobPublic,
    progress: Progress,
    trial: Trial,
    keys: dict[str, str],
    data: Callable[[str], Dataset],
) -> RunPublic | None:
    """The run of a trial once it is done, by this process or another; None when the budget is spent first.

    Raises CancelledError, and GiveWayError where another job waits while this one only waits itself.
    """
    run = _created(engine, trial, keys, data)
    tried = False
    while (run := runs.get(engine.db, run.id)).status is not Status.DONE:
        if run.status in RESUMABLE:
            if tried:
                raise UserError(
                    f"The run {run.id} is {run.status}, so {trial.arm.title!r} cannot be measured."
                    f" {run.message} To fix this, look at the run, and start the experiment again."
                )
            runs.resume(engine.db, run.id)
        if progress.over:
            runs.pause(engine.db, run.id)
            return None
        progress.show()
        attempt = None if _busy(engine, run.id) else _claimed(engine, run.id)
        if attempt is None:
            if _others_wait(engine, job):
                raise GiveWayError
            engine.reap()
            time.sleep(POLL)
            progress.clock += POLL
            continue
        tried = True
        pulse = Watched(engine, run.id, attempt, progress)
        carry_out(run.id, attempt, pulse, engine, studio_trainer)
        engine.reap()
        if pulse.cancelled:
            raise CancelledError
        if progress.over and runs.get(engine.db, run.id).status is Status.PAUSED:
            return None
    return run


def _created(
    engine: LocalEngine, trial: Trial, keys: dict[str, str], data: Callable[[str], Dataset]
) -> RunPublic:
    """The run of a trial, queued if it is new: its key is the request, so it is never trained twice."""
    parent = None
    if trial.parent is not None:
        known = measurements.read(engine.db, [trial.parent.declared]).get(trial.parent.declared)
        parent = known.run_id if known else None
        if parent is None:
            raise UserError(
                f"The run that {trial.arm.title!r} begins with was deleted just now. To fix this, start the"
                " experiment again."
            )
    design = design_of(trial, data(trial.data).facts)
    same = trial.parent is None or trial.parent.data == trial.data
    return runs.create(
        engine.db,
        Document(design.name, design.model_dump_json(), design.sha),
        plan_of(trial, parent),
        trial.data,
        keys[trial.declared],
        parent,
        None if parent is None else "extend" if same else "fine_tune",
        tags=("claim", trial.experiment.id, trial.arm.name),
    )


def _busy(engine: LocalEngine, run_id: str) -> bool:
    """Whether another run trains or waits to: those of users go first."""
    waiting = ACTIVE | {Status.QUEUED}
    return any(other.status in waiting and other.id != run_id for other in runs.listing(engine.db))


def _claimed(engine: LocalEngine, run_id: str) -> int | None:
    with engine.db.write() as session:
        return work.claim(session, RunRow, run_id, os.getpid(), started_at(os.getpid()))


class Watched(Pulse[RunRow]):
    """The pulse of a run that pauses when its job is to end or the budget is spent."""

    def __init__(self, engine: LocalEngine, run_id: str, attempt: int, progress: Progress) -> None:
        super().__init__(engine.db, RunRow, run_id, attempt)
        self._progress = progress
        self.cancelled = False

    def wanted(self) -> Wish:
        """What the run should do now."""
        try:
            self._progress.show()
        except CancelledError:
            self.cancelled = True
        if self.cancelled or self._progress.over:
            self.terminate()
        return super().wanted()
