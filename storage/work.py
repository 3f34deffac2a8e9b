"""Background work in a queue of one slot; runs and jobs share it.

Every change of status is one conditional UPDATE, so any number of browsers, command lines and workers may ask
at the same time. A worker writes under its attempt: once it was given up for lost, its writes change nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, TypeVar

from sqlalchemy import CursorResult, and_, exists, func, or_, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from storage.status import ACTIVE, Status, Want, sources
from storage.tables import JobRow, RunRow

Row = TypeVar("Row", RunRow, JobRow)

#: A process started for a queued row has this long to claim it before another may be started.
LAUNCH_SECONDS = 15.0


def changed(session: Session, table: type[Row], *conditions: Any, **values: Any) -> bool:
    """UPDATE the rows that meet the conditions; whether there was one."""
    statement = update(table).where(*conditions).values(**values).execution_options(synchronize_session=False)
    result = session.execute(statement)
    assert isinstance(result, CursorResult)
    return result.rowcount > 0


def move(
    session: Session, table: type[Row], row_id: str, to: Status, *conditions: Any, **values: Any
) -> bool:
    """Change the status if the transition is legal; whether it was."""
    legal = col(table.status).in_(sources(to))
    return changed(session, table, col(table.id) == row_id, legal, *conditions, status=to.value, **values)


def enqueue(session: Session, table: type[Row], row_id: str) -> bool:
    """Put a resumable row at the end of the queue."""
    return move(
        session,
        table,
        row_id,
        Status.QUEUED,
        want=Want.RUN.value,
        message="",
        queued_at=time.time(),
        heartbeat=None,
        ended_at=None,
        pid=None,
        pid_started=None,
    )


def lease_next(session: Session, table: type[Row]) -> str | None:
    """The id of the queued row whose worker should be started now, by the caller alone; or None."""
    now = time.time()
    free = or_(col(table.heartbeat).is_(None), col(table.heartbeat) < now - LAUNCH_SECONDS)
    if session.exec(select(table.id).where(col(table.status).in_(ACTIVE)).limit(1)).first():
        return None
    oldest = (
        select(table.id, table.heartbeat)
        .where(table.status == Status.QUEUED, table.want == Want.RUN)
        .order_by(col(table.queued_at), col(table.id))
        .limit(1)
    )
    first = session.exec(oldest).first()
    if first and changed(session, table, col(table.id) == first[0], free, heartbeat=now):
        return first[0]
    return None


def claim(session: Session, table: type[Row], row_id: str, pid: int, pid_started: float) -> int | None:
    """Take the slot for this process; the attempt to write under, or None if the row or the slot is taken."""
    other = aliased(table)
    taken = exists().where(and_(col(other.status).in_(ACTIVE), col(other.id) != row_id))
    now = time.time()
    won = move(
        session,
        table,
        row_id,
        Status.RUNNING,
        table.want == Want.RUN,
        ~taken,
        attempt=table.attempt + 1,
        pid=pid,
        pid_started=pid_started,
        heartbeat=now,
        started_at=func.coalesce(table.started_at, now),
        message="",
    )
    return session.exec(select(table.attempt).where(table.id == row_id)).one() if won else None


def mine(table: type[Row], row_id: str, attempt: int) -> tuple[Any, ...]:
    """Conditions that hold while the worker of this attempt owns the row."""
    return (col(table.id) == row_id, col(table.attempt) == attempt, col(table.status).in_(ACTIVE))


def beat(session: Session, table: type[Row], row_id: str, attempt: int, **values: Any) -> Want | None:
    """Say that the worker lives and write `values`; what the user wants, None if the row is not ours now."""
    if not changed(session, table, *mine(table, row_id, attempt), heartbeat=time.time(), **values):
        return None
    return Want(session.exec(select(table.want).where(table.id == row_id)).one())


def finish(
    session: Session,
    table: type[Row],
    row_id: str,
    attempt: int,
    to: Status,
    message: str = "",
    *,
    asked: bool = False,
    **values: Any,
) -> bool:
    """The worker's last word; False if the row is no longer its own.

    `asked` says that it pauses because a user asked: a pause taken back meanwhile puts the row into
    the queue again, and one followed by a stop is a stop.
    """
    now = time.time()
    own = mine(table, row_id, attempt)
    want = session.exec(select(table.want).where(*own)).first()
    if to is Status.PAUSED and want in {Want.STOP, Want.DELETE}:
        to = Status.STOPPED
    if not move(session, table, row_id, to, *own, message=message, heartbeat=now, ended_at=now, **values):
        return False
    if to is Status.PAUSED and asked and want == Want.RUN:
        enqueue(session, table, row_id)
    return True


def lose(session: Session, table: type[Row], row_id: str, attempt: int, message: str) -> bool:
    """Give up the worker of this attempt."""
    own = mine(table, row_id, attempt)
    return move(session, table, row_id, Status.LOST, *own, message=message, ended_at=time.time())


def with_status(session: Session, table: type[Row], statuses: Iterable[Status]) -> tuple[Row, ...]:
    """Rows in any of these statuses, oldest first."""
    rows = select(table).where(col(table.status).in_(list(statuses))).order_by(col(table.created_at))
    return tuple(session.exec(rows))
