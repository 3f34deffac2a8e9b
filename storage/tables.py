"""The tables. Rows never leave `storage`: callers get the read models of `storage.records`.

Times are seconds since 1970 in UTC. Designs and plans are stored as JSON text beside their sha256.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Column, ForeignKey, Index, MetaData, String, Text
from sqlmodel import Field, SQLModel

# Named constraints, so that a later migration can drop one on SQLite.
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Table(SQLModel):
    """Base of all tables: our own metadata, apart from anyone else's SQLModel."""

    metadata = MetaData(naming_convention=NAMES)


def _json(default: Any) -> Any:
    """A JSON column."""
    return Field(default_factory=default, sa_type=JSON, nullable=False)


def _reference(to: str, on_delete: str, *, nullable: bool = False, primary_key: bool = False) -> Any:
    """A foreign key with an index."""
    key = ForeignKey(to, ondelete=on_delete)
    column: Column[str] = Column(
        String(64), key, nullable=nullable, primary_key=primary_key, index=not primary_key
    )
    return Field(default=None, sa_column=column)


class DraftRow(Table, table=True):
    """A design being edited. `revision` counts every change; `cursor` is the snapshot that is shown."""

    __tablename__ = "draft"

    id: str = Field(primary_key=True, max_length=64)
    name: str = Field(max_length=200)
    design: str = Field(sa_type=Text)
    sha: str = Field(max_length=64)
    revision: int = 1
    cursor: int = 0
    created_at: float
    updated_at: float


class SnapshotRow(Table, table=True):
    """One state of a draft's undo history."""

    __tablename__ = "snapshot"

    draft_id: str = _reference("draft.id", "CASCADE", primary_key=True)
    seq: int = Field(primary_key=True)
    design: str = Field(sa_type=Text)
    sha: str = Field(max_length=64)
    label: str = Field(default="", max_length=200)


class VersionRow(Table, table=True):
    """A design kept under a name."""

    __tablename__ = "version"

    id: str = Field(primary_key=True, max_length=64)
    draft_id: str | None = _reference("draft.id", "SET NULL", nullable=True)
    name: str = Field(max_length=200)
    design: str = Field(sa_type=Text)
    sha: str = Field(max_length=64, index=True)
    created_at: float


class WorkColumns(SQLModel):
    """What every piece of background work has: who asked, where it stands, which process does it."""

    id: str = Field(primary_key=True, max_length=64)
    request_id: str = Field(unique=True, max_length=64)
    status: str = Field(default="queued", max_length=16, index=True)
    want: str = Field(default="run", max_length=16)
    message: str = Field(default="", sa_type=Text)
    # Each claim raises `attempt`: a worker that was given up for lost can no longer write.
    attempt: int = 0
    pid: int | None = None
    pid_started: float | None = None
    heartbeat: float | None = None
    created_at: float
    queued_at: float
    started_at: float | None = None
    ended_at: float | None = None


class RunRow(WorkColumns, Table, table=True):
    """One training run; its files lie in runs/<id>/."""

    __tablename__ = "run"

    name: str = Field(max_length=200)
    design: str = Field(sa_type=Text)
    design_sha: str = Field(max_length=64, index=True)
    plan: str = Field(sa_type=Text)
    plan_sha: str = Field(max_length=64)
    resolved_plan: str | None = Field(default=None, sa_type=Text)
    resolved_plan_sha: str | None = Field(default=None, max_length=64)
    data: str = Field(max_length=400)
    data_fingerprint: str | None = Field(default=None, max_length=64)
    seed: int
    environment: dict[str, Any] = _json(dict)
    parent: str | None = _reference("run.id", "SET NULL", nullable=True)
    relation: str | None = Field(default=None, max_length=16)
    step: int = 0
    total_steps: int | None = None
    tags: list[str] = _json(list)


class MetricRow(Table, table=True):
    """What a run recorded at one step: a MetricsRow as JSON without its defaults."""

    __tablename__ = "metric"

    run_id: str = _reference("run.id", "CASCADE", primary_key=True)
    step: int = Field(primary_key=True)
    record: str = Field(sa_type=Text)


class EventRow(Table, table=True):
    """Something that happened in a run, in words."""

    __tablename__ = "event"
    __table_args__ = (Index(None, "run_id", "step"),)

    id: int | None = Field(default=None, primary_key=True)
    run_id: str = Field(foreign_key="run.id", ondelete="CASCADE", max_length=64)
    step: int
    kind: str = Field(max_length=64)
    text: str = Field(sa_type=Text)
    at: float


class JobRow(WorkColumns, Table, table=True):
    """Background work that is not training, such as an export."""

    __tablename__ = "job"

    kind: str = Field(max_length=32)
    run_id: str | None = _reference("run.id", "CASCADE", nullable=True)
    arguments: dict[str, Any] = _json(dict)
    progress: float = 0.0
    result: dict[str, Any] = _json(dict)


class MeasurementRow(Table, table=True):
    """What one arm of an experiment gave with one seed.

    `declared` is the sha of what the experiment says about it; `key` that of design, plan, data and seed as
    they were trained.
    """

    __tablename__ = "measurement"

    declared: str = Field(primary_key=True, max_length=64)
    key: str = Field(max_length=64)
    seed: int
    run_id: str | None = _reference("run.id", "SET NULL", nullable=True)
    # Not called `values`: that is a method of SQLAlchemy's tables.
    found: dict[str, float | None] = _json(dict)
    figures: dict[str, float] = _json(dict)
    environment: dict[str, Any] = _json(dict)
    seconds: float
    made_at: float
