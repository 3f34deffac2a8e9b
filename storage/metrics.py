"""What runs recorded: metrics in batches, events, and taking back what lies after the last checkpoint."""

from __future__ import annotations

import time
from collections.abc import Iterable

from sqlalchemy import delete, func
from sqlalchemy import select as sql_select
from sqlalchemy.dialects.sqlite import insert
from sqlmodel import Session, col, select

from core.design.facts import Event, MetricsRow
from storage.database import Database
from storage.records import RunEvent
from storage.tables import EventRow, MetricRow


def add(session: Session, run_id: str, records: Iterable[MetricsRow | Event]) -> None:
    """Write a batch inside the worker's transaction.

    Two rows of one step become one row: what the later says counts, what it leaves out stays.
    """
    rows, events = [], []
    for record in records:
        if isinstance(record, Event):
            events.append({**record.model_dump(), "run_id": run_id, "at": time.time()})
        else:
            json = record.model_dump_json(exclude_defaults=True)
            rows.append({"run_id": run_id, "step": record.step, "record": json})
    if rows:
        new = insert(MetricRow)
        merged = func.json_patch(MetricRow.record, new.excluded.record)
        session.execute(
            new.on_conflict_do_update(index_elements=["run_id", "step"], set_={"record": merged}), rows
        )
    if events:
        session.execute(insert(EventRow), events)


def take_back(session: Session, run_id: str, step: int) -> None:
    """Forget what was recorded after `step`: the run continues from there and will record it again."""
    for table in (MetricRow, EventRow):
        session.execute(delete(table).where(col(table.run_id) == run_id, col(table.step) > step))


def read(db: Database, run_id: str, after: int = -1, without: Iterable[str] = ()) -> tuple[MetricsRow, ...]:
    """The rows of a run in order of steps, those after step `after`.

    Fields named in `without` are left at their defaults: the tables of a deep design are most of a row.
    """
    record = func.json_remove(MetricRow.record, *[f"$.{name}" for name in without])
    query = select(record).where(MetricRow.run_id == run_id, MetricRow.step > after)
    with db.read() as session:
        records = session.exec(query.order_by(col(MetricRow.step)))
        return tuple(MetricsRow.model_validate_json(record) for record in records)


def tables(db: Database, run_id: str) -> tuple[tuple[int, dict[str, str]], ...]:
    """(step, JSON text of `domain_expert` and `domain_share`, each if it is there) of rows that have one.

    As text: a long run of a deep design holds millions of counts, and who wants arrays need not make objects.
    """
    names = ("domain_expert", "domain_share")
    texts = [func.json_extract(MetricRow.record, f"$.{name}") for name in names]
    rows = sql_select(col(MetricRow.step), *texts).where(col(MetricRow.run_id) == run_id)
    with db.read() as session:
        found = [
            (int(row[0]), {name: str(text) for name, text in zip(names, row[1:], strict=True) if text})
            for row in session.execute(rows.order_by(col(MetricRow.step)))
        ]
    return tuple((step, kept) for step, kept in found if kept)


def newest(db: Database, run_ids: Iterable[str]) -> dict[str, MetricsRow]:
    """The last row of each run that has one; for lists."""
    last = (
        select(MetricRow.run_id, func.max(MetricRow.step).label("step"))
        .where(col(MetricRow.run_id).in_(list(run_ids)))
        .group_by(col(MetricRow.run_id))
        .subquery()
    )
    query = select(MetricRow.run_id, MetricRow.record).join(
        last, (col(MetricRow.run_id) == last.c.run_id) & (col(MetricRow.step) == last.c.step)
    )
    with db.read() as session:
        return {run_id: MetricsRow.model_validate_json(record) for run_id, record in session.exec(query)}


def events(db: Database, run_id: str) -> tuple[RunEvent, ...]:
    """What happened in a run, in order."""
    query = select(EventRow).where(EventRow.run_id == run_id).order_by(col(EventRow.id))
    with db.read() as session:
        return tuple(RunEvent.model_validate(row) for row in session.exec(query))
