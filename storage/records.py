"""What callers get: frozen copies of rows, safe to keep across threads and page reruns."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

from core.design.plan import Plan
from storage.status import Status, Want

Relation = Literal["fine_tune", "extend", "adapt", "import"]


def _plan(value: Any) -> Any:
    return Plan.model_validate_json(value) if isinstance(value, str) else value


class Record(BaseModel):
    """Base of all read models."""

    model_config = ConfigDict(frozen=True, from_attributes=True, extra="ignore")


class Draft(Record):
    """A design being edited, as JSON text.

    `undo` and `redo` are the labels of the edits they act on, None where there is none.
    """

    id: str
    name: str
    design: str
    sha: str
    revision: int
    updated_at: float
    undo: str | None = None
    redo: str | None = None


class Version(Record):
    """A design kept under a name."""

    id: str
    draft_id: str | None
    name: str
    design: str
    sha: str
    created_at: float


class Work(Record):
    """What runs and jobs share."""

    id: str
    request_id: str
    status: Status
    want: Want
    message: str
    attempt: int
    pid: int | None
    pid_started: float | None
    heartbeat: float | None
    created_at: float
    queued_at: float
    started_at: float | None
    ended_at: float | None


class RunSummary(Work):
    """A row of the list of runs."""

    name: str
    design_sha: str
    plan_sha: str
    resolved_plan_sha: str | None
    data: str
    data_fingerprint: str | None
    seed: int
    parent: str | None
    relation: Relation | None
    step: int
    total_steps: int | None
    tags: tuple[str, ...]


class RunPublic(RunSummary):
    """Everything about a run. `plan` is what was asked for, `resolved_plan` what is trained."""

    design: str
    plan: Annotated[Plan, BeforeValidator(_plan)]
    resolved_plan: Annotated[Plan | None, BeforeValidator(_plan)]
    environment: dict[str, Any]


class RunEvent(Record):
    """Something that happened in a run."""

    step: int
    kind: str
    text: str
    at: float


class JobPublic(Work):
    """Background work that is not training; `progress` in [0, 1]."""

    kind: str
    run_id: str | None
    arguments: dict[str, Any]
    progress: float
    result: dict[str, Any]


class MeasurementPublic(Record):
    """What one arm of an experiment gave with one seed: `found` values by measure, `figures` of its cost.

    A measure without a value, as the load of a soft mixture, is None.
    """

    declared: str
    key: str
    seed: int
    run_id: str | None
    found: dict[str, float | None]
    figures: dict[str, float]
    environment: dict[str, Any]
    seconds: float
    made_at: float
