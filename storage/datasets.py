"""What is known of the user's own data sets. Their files lie in datasets/<id>/ and are written first."""

from __future__ import annotations

import time

from sqlalchemy import delete
from sqlmodel import col, select

from core.design.facts import DataFacts
from storage.database import Database
from storage.errors import NotFoundError
from storage.ids import checked_id
from storage.records import Dataset
from storage.tables import DatasetRow


def add(db: Database, dataset_id: str, facts: DataFacts) -> Dataset:
    """Make a data set known, after its folder is complete. Adding it again replaces its facts."""
    with db.write() as session:
        row = DatasetRow(id=checked_id(dataset_id), facts=facts.model_dump_json(), created_at=time.time())
        merged = session.merge(row)
        session.flush()
        return Dataset.model_validate(merged)


def get(db: Database, dataset_id: str) -> Dataset:
    """One data set. Raises NotFoundError."""
    with db.read() as session:
        if (row := session.get(DatasetRow, dataset_id)) is None:
            raise NotFoundError(
                f"There is no data set {dataset_id!r} in this studio. To fix this, choose one from the "
                "list or upload it again."
            )
        return Dataset.model_validate(row)


def listing(db: Database) -> tuple[Dataset, ...]:
    """All data sets, the newest first."""
    with db.read() as session:
        rows = session.exec(
            select(DatasetRow).order_by(col(DatasetRow.created_at).desc(), col(DatasetRow.id))
        )
        return tuple(Dataset.model_validate(row) for row in rows)


def remove(db: Database, dataset_id: str) -> None:
    """Forget a data set; remove its folder afterwards with `files.remove`. A missing one is no error."""
    with db.write() as session:
        session.execute(delete(DatasetRow).where(col(DatasetRow.id) == dataset_id))
