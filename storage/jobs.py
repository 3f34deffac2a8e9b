"""Background jobs that are not training, such as exports: one per request, with progress and a result."""

from __future__ import annotations

import time
from typing import Any

from sqlmodel import col, select

from storage import work
from storage.database import Database
from storage.errors import NotFoundError
from storage.ids import new_id
from storage.records import JobPublic
from storage.status import Status, Want
from storage.tables import JobRow


def create(
    db: Database, kind: str, run_id: str | None, arguments: dict[str, Any], request_id: str
) -> JobPublic:
    """A new job at the end of the queue; the same `request_id` again gives the same job."""
    now = time.time()
    with db.write() as session:
        known = session.exec(select(JobRow).where(JobRow.request_id == request_id)).first()
        row = known or JobRow(
            id=new_id(kind),
            request_id=request_id,
            kind=kind,
            run_id=run_id,
            arguments=arguments,
            created_at=now,
            queued_at=now,
        )
        session.add(row)
        session.flush()
        return JobPublic.model_validate(row)


def get(db: Database, job_id: str) -> JobPublic:
    """One job. Raises NotFoundError."""
    with db.read() as session:
        if (row := session.get(JobRow, job_id)) is None:
            raise NotFoundError(
                f"There is no job {job_id[:64]!r} in this studio. To fix this, start it again."
            )
        return JobPublic.model_validate(row)


def listing(db: Database, run_id: str | None = None) -> tuple[JobPublic, ...]:
    """Jobs of one run or all, the newest first."""
    query = select(JobRow).order_by(col(JobRow.created_at).desc(), col(JobRow.id))
    if run_id is not None:
        query = query.where(JobRow.run_id == run_id)
    with db.read() as session:
        return tuple(JobPublic.model_validate(row) for row in session.exec(query))


def ids(db: Database) -> frozenset[str]:
    """The ids of all jobs."""
    with db.read() as session:
        return frozenset(session.exec(select(JobRow.id)))


def cancel(db: Database, job_id: str) -> None:
    """End a job early; asking again, or after its end, changes nothing."""
    with db.write() as session:
        waiting = JobRow.status == Status.QUEUED
        if not work.move(session, JobRow, job_id, Status.STOPPED, waiting, ended_at=time.time()):
            work.move(session, JobRow, job_id, Status.STOPPING, want=Want.STOP.value)


def cut_off(db: Database, job_id: str, attempt: int) -> bool:
    """Call a cancelled job stopped though its worker has not said so; False if it has ended or is wanted."""
    own, asked = work.mine(JobRow, job_id, attempt), JobRow.want == Want.STOP
    with db.write() as session:
        return work.move(session, JobRow, job_id, Status.STOPPED, *own, asked, ended_at=time.time())
