"""Runs: made once per request, read as copies, asked to pause, stop or go."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from sqlalchemy import delete
from sqlmodel import Session, col, select

from core.design.facts import Event, MetricsRow
from core.design.plan import Plan
from storage import metrics, work
from storage.database import Database
from storage.drafts import Document
from storage.errors import IllegalMoveError, NotFoundError, StorageError
from storage.ids import new_id
from storage.records import Relation, RunPublic, RunSummary
from storage.status import ACTIVE, Status, Want
from storage.tables import RunRow

QUEUE_LIMIT = 100


def create(
    db: Database,
    document: Document,
    plan: Plan,
    data: str,
    request_id: str,
    parent: str | None = None,
    relation: Relation | None = None,
    tags: tuple[str, ...] = (),
) -> RunPublic:
    """A new run at the end of the queue; the same `request_id` again gives the same run."""
    now = time.time()
    with db.write() as session:
        known = session.exec(select(RunRow).where(RunRow.request_id == request_id)).first()
        if known is not None:
            return RunPublic.model_validate(known)
        if parent is not None:
            _row(session, parent)
        if len(session.exec(select(RunRow.id).where(RunRow.status == Status.QUEUED)).all()) >= QUEUE_LIMIT:
            raise StorageError(
                f"{QUEUE_LIMIT} runs are waiting already, and one trains at a time. To fix this, wait for "
                "some of them or delete a few."
            )
        row = RunRow(
            id=new_id(document.name),
            request_id=request_id,
            name=document.name,
            design=document.json,
            design_sha=document.sha,
            plan=plan.model_dump_json(),
            plan_sha=plan.sha,
            data=data,
            seed=plan.seed,
            total_steps=plan.steps,
            parent=parent,
            relation=relation,
            tags=list(tags),
            created_at=now,
            queued_at=now,
        )
        session.add(row)
        session.flush()
        return RunPublic.model_validate(row)


def derive(
    db: Database,
    parent: RunPublic,
    run_id: str,
    name: str,
    request_id: str,
    *,
    step: int,
    records: Iterable[MetricsRow | Event],
) -> RunPublic:
    """A run that is done when it is made: weights of `parent`, changed without training. Its files are there.

    Raises NotFoundError if the parent was deleted meanwhile.
    """
    now = time.time()
    taken = {
        *("design", "design_sha", "plan", "plan_sha", "resolved_plan", "resolved_plan_sha"),
        *("data", "data_fingerprint", "environment", "seed", "total_steps"),
    }
    with db.write() as session:
        values: dict[str, Any] = _row(session, parent.id).model_dump(include=taken)
        values |= {"id": run_id, "request_id": request_id, "name": name, "step": step}
        values |= {"parent": parent.id, "relation": "adapt", "status": Status.DONE.value}
        values |= dict.fromkeys(("created_at", "queued_at", "started_at", "ended_at"), now)
        row = RunRow(**values)
        session.add(row)
        session.flush()
        metrics.add(session, run_id, records)
        return RunPublic.model_validate(row)


def of_request(db: Database, request_id: str) -> RunPublic | None:
    """The run that a request made; None if it has not made one."""
    with db.read() as session:
        row = session.exec(select(RunRow).where(RunRow.request_id == request_id)).first()
        return None if row is None else RunPublic.model_validate(row)


def get(db: Database, run_id: str) -> RunPublic:
    """Everything about one run. Raises NotFoundError."""
    with db.read() as session:
        return RunPublic.model_validate(_row(session, run_id))


def listing(db: Database) -> tuple[RunSummary, ...]:
    """All runs but those being deleted, the newest first."""
    columns = [getattr(RunRow, name) for name in RunSummary.model_fields]
    query = select(*columns).where(RunRow.want != Want.DELETE)
    with db.read() as session:
        rows = session.exec(query.order_by(col(RunRow.created_at).desc(), col(RunRow.id)))
        return tuple(RunSummary.model_validate(row) for row in rows)


def ids(db: Database) -> frozenset[str]:
    """The ids of all runs, those being deleted too."""
    with db.read() as session:
        return frozenset(session.exec(select(RunRow.id)))


def pause(db: Database, run_id: str) -> None:
    """Ask the worker for a checkpoint and its end; a queued run just waits.

    Asking again, or after the run's end, changes nothing. Raises NotFoundError.
    """
    _ask(db, run_id, Want.PAUSE, Status.PAUSING, Status.PAUSED)


def stop(db: Database, run_id: str) -> None:
    """End the run early. Asking again, or after its end, changes nothing. Raises NotFoundError."""
    _ask(db, run_id, Want.STOP, Status.STOPPING, Status.STOPPED)


def resume(db: Database, run_id: str) -> None:
    """Put a paused, stopped, lost or failed run into the queue, or take a pause back.

    Asking again changes nothing. Raises NotFoundError, and IllegalMoveError for a run that is done or about
    to stop.
    """
    with db.write() as session:
        row = _row(session, run_id)
        if work.enqueue(session, RunRow, run_id):
            return
        if work.move(
            session, RunRow, run_id, Status.RUNNING, RunRow.status == Status.PAUSING, want=Want.RUN.value
        ):
            return
        if row.status not in {Status.QUEUED, Status.RUNNING}:
            fix = (
                "wait until it has stopped"
                if row.status == Status.STOPPING
                else f"start a new run from its last checkpoint (--set plan.start_from={run_id})"
            )
            raise IllegalMoveError(
                f"Run {run_id} is {row.status}, and only a paused, stopped, lost or failed run can be"
                f" resumed. To fix this, {fix}."
            )


def mark_for_deletion(db: Database, run_id: str) -> bool:
    """Hide a run and stop its worker; True if it has none, so its row and folder can go now."""
    with db.write() as session:
        row = session.get(RunRow, run_id)
        if row is None:
            return True
        row.want = Want.DELETE.value
        if row.status in {Status.RUNNING, Status.PAUSING}:
            row.status = Status.STOPPING.value
        return row.status not in ACTIVE


def erase(db: Database, run_id: str) -> None:
    """Remove the row with its metrics and events; a missing one is no error."""
    with db.write() as session:
        session.execute(delete(RunRow).where(col(RunRow.id) == run_id))


def marked(db: Database) -> tuple[str, ...]:
    """Runs to be deleted that no worker holds any more."""
    query = select(RunRow.id).where(RunRow.want == Want.DELETE, col(RunRow.status).not_in(ACTIVE))
    with db.read() as session:
        return tuple(session.exec(query))


def resolved(session: Session, run_id: str, attempt: int, plan: Plan, **values: Any) -> bool:
    """Store the resolved plan, once; False if the run is no longer ours."""
    return work.changed(
        session,
        RunRow,
        *work.mine(RunRow, run_id, attempt),
        resolved_plan=plan.model_dump_json(),
        resolved_plan_sha=plan.sha,
        total_steps=plan.steps,
        **values,
    )


def _ask(db: Database, run_id: str, want: Want, asking: Status, at_rest: Status) -> None:
    with db.write() as session:
        _row(session, run_id)
        resting = col(RunRow.status).not_in(ACTIVE)
        if not work.move(session, RunRow, run_id, at_rest, resting, want=want.value, ended_at=time.time()):
            work.move(session, RunRow, run_id, asking, want=want.value)


def _row(session: Session, run_id: str) -> RunRow:
    row = session.get(RunRow, run_id)
    if row is None or row.want == Want.DELETE:
        raise NotFoundError(
            f"There is no run {run_id[:64]!r} in this studio: it was deleted, or the id is from another "
            "data folder. To fix this, pick one from the list of runs (python -m app runs)."
        )
    return row
