"""Claims and what became of them, for the Papers page and the command: the board, start, stop. Torch-free.

A page calls `board()` (every experiment) or `row("x1")`, shows `result.verdict`, `result.findings`
and `result.arms` (see `core.claims.results`), `source` ("here": measured on this machine; "shipped": comes
with the studio; "none"), and while `activity` is there its `done` of `wanted` and `message`. `start` and
`stop` may be called twice.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from app.errors import UserError
from app.jobs import engine
from app.paths import data_root
from core.claims import shipped
from core.claims.arms import MOST_SEEDS, Trial, trials
from core.claims.errors import ClaimError
from core.claims.results import Measurement, Result, judge
from core.papers.base import Experiment, Paper
from core.papers.registry import UnknownPaperError, papers
from core.papers.registry import experiment as experiment_of
from storage import database, jobs, measurements
from storage.database import Database
from storage.records import JobPublic, MeasurementPublic
from storage.status import ACTIVE, Status

KIND = "claims"


@dataclass(frozen=True)
class Activity:
    """An experiment that waits or is at work: `done` of `wanted` trials, and what happens just now."""

    job: str
    status: Status
    done: int
    wanted: int
    message: str


@dataclass(frozen=True)
class Row:
    """A line of the claims board. `said` is why the last start ended without its work done, else ""."""

    paper: Paper
    experiment: Experiment
    result: Result
    source: Literal["here", "shipped", "none"]
    activity: Activity | None
    said: str

    @property
    def command(self) -> str:
        """The command that does what a start on the page does."""
        return f"python -m app papers {self.experiment.id} --run"


def board(db: Database | None = None) -> tuple[Row, ...]:
    """Every experiment of every paper, by the number of its id."""
    found = [(paper, experiment) for paper in papers() for experiment in paper.experiments]
    return _rows(db, sorted(found, key=lambda pair: int(pair[1].id[1:])))


def rows_of(paper: Paper, db: Database | None = None) -> tuple[Row, ...]:
    """The experiments of one paper."""
    return _rows(db, [(paper, experiment) for experiment in paper.experiments])


def row(identity: str, db: Database | None = None) -> Row:
    """One experiment by its id. Raises UserError."""
    for line in board(db):
        if line.experiment.id == identity:
            return line
    raise UserError(f"There is no experiment {identity[:40]!r}. To fix this, look at: python -m app papers")


def start(
    identity: str,
    request_id: str,
    *,
    seeds: int | None = None,
    minutes: float | None = None,
    arm: str | None = None,
) -> str:
    """Queue the measuring of what is missing; the id of the job, the same one while it waits or works.

    Raises UserError for what cannot be run.
    """
    try:
        experiment = experiment_of(identity)
        trials(experiment, seeds, arm)
    except (UnknownPaperError, ClaimError) as error:
        raise UserError(str(error)) from None
    at_work = _activity(_jobs(database.open(data_root())), identity)
    if at_work is not None:
        return at_work.id
    arguments = {"experiment": identity, "seeds": seeds, "minutes": minutes, "arm": arm}
    return engine().start_job(KIND, None, arguments, request_id)


def stop(identity: str) -> None:
    """End the measuring of an experiment; what is finished stays, and the run at work is paused."""
    at_work = _activity(_jobs(database.open(data_root())), identity)
    if at_work is not None:
        engine().cancel_job(at_work.id)


def measured(db: Database, experiment: Experiment) -> tuple[Measurement, ...]:
    """What this data folder holds of an experiment as it is declared now."""
    wanted = trials(experiment, MOST_SEEDS)
    found = measurements.read(db, [trial.declared for trial in wanted])
    return tuple(_measurement(trial, found[trial.declared]) for trial in wanted if trial.declared in found)


def _rows(db: Database | None, wanted: Iterable[tuple[Paper, Experiment]]) -> tuple[Row, ...]:
    opened = db or database.open(data_root())
    known = _jobs(opened)
    return tuple(_row(opened, paper, experiment, known) for paper, experiment in wanted)


def _row(db: Database, paper: Paper, experiment: Experiment, known: tuple[JobPublic, ...]) -> Row:
    here = measured(db, experiment)
    source: Literal["here", "shipped", "none"] = "here"
    found = here
    if not here:
        found = shipped.read(experiment)
        source = "shipped" if found else "none"
    at_work = _activity(known, experiment.id)
    newest = next((job for job in known if job.arguments.get("experiment") == experiment.id), None)
    said = "" if newest is None or at_work else newest.message or str(newest.result.get("said", ""))
    return Row(paper, experiment, judge(experiment, found), source, _shown(at_work, len(here)), said)


def _jobs(db: Database) -> tuple[JobPublic, ...]:
    return tuple(job for job in jobs.listing(db) if job.kind == KIND)


def _activity(known: Iterable[JobPublic], identity: str) -> JobPublic | None:
    waiting = ACTIVE | {Status.QUEUED}
    return next(
        (job for job in known if job.arguments.get("experiment") == identity and job.status in waiting), None
    )


def _shown(job: JobPublic | None, before: int) -> Activity | None:
    """The job at work; until its process says how far it is, that is as far as things were before."""
    if job is None:
        return None
    wanted = int(job.result.get("wanted", 0))
    return Activity(job.id, job.status, int(job.result.get("done", before)), wanted, job.message)


def _measurement(trial: Trial, row: MeasurementPublic) -> Measurement:
    environment: dict[str, Any] = row.environment
    return Measurement(
        arm=trial.arm.name,
        seed=trial.seed,
        key=row.key,
        values={name: value for name, value in row.found.items() if value is not None},
        figures=row.figures,
        seconds=row.seconds,
        made=row.made_at,
        run=row.run_id,
        environment=environment,
    )
