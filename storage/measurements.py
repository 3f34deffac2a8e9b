"""What experiments measured: one row for each arm and seed, kept though its run may be deleted."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from sqlmodel import col, select

from storage.database import Database
from storage.records import MeasurementPublic
from storage.tables import MeasurementRow, RunRow


def keep(
    db: Database,
    declared: str,
    *,
    key: str,
    seed: int,
    run_id: str | None,
    found: Mapping[str, float | None],
    figures: Mapping[str, float],
    environment: Mapping[str, Any],
    seconds: float,
) -> None:
    """Store a measurement. One of the same `key` is added to, one of another replaced."""
    with db.write() as session:
        row = session.get(MeasurementRow, declared)
        values = dict(found)
        if row is not None and row.key == key:
            values = {**row.found, **values}
        if run_id is not None and session.get(RunRow, run_id) is None:
            run_id = None
        new = MeasurementRow(
            declared=declared,
            key=key,
            seed=seed,
            run_id=run_id,
            found=values,
            figures=dict(figures),
            environment=dict(environment),
            seconds=seconds,
            made_at=time.time(),
        )
        session.merge(new)


def read(db: Database, declared: Iterable[str]) -> dict[str, MeasurementPublic]:
    """Those of the measurements that are there, by `declared`."""
    query = select(MeasurementRow).where(col(MeasurementRow.declared).in_(list(declared)))
    with db.read() as session:
        rows = session.exec(query)
        return {row.declared: MeasurementPublic.model_validate(row) for row in rows}
