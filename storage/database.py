"""One SQLite database per data folder: WAL, short sessions, migrations at start."""

from __future__ import annotations

import fcntl
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import Session

from storage.errors import StorageError

FILE = "studio.db"
LOCK = "studio.lock"
BUSY_MS = 10_000
MIGRATIONS = "storage:migrations"

_open: dict[Path, Database] = {}
_opening = threading.Lock()


class Database:
    """The open database of one data folder. Get it from `open`."""

    def __init__(self, root: Path, engine: Engine) -> None:
        self.root = root
        self.engine = engine
        # A transaction that reads first and writes later can find its snapshot outdated, and then no waiting
        # helps; so who may write takes the write lock at its beginning.
        self._writing = engine.execution_options(begin="BEGIN IMMEDIATE")

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one moment. Writes in it fail."""
        with _in_words(self.root), Session(self.engine, autoflush=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that writes: all of it at the end, or nothing after an exception."""
        with _in_words(self.root), Session(self._writing) as session, session.begin():
            yield session

    def close(self) -> None:
        """Let go of the file. The next `open` starts anew."""
        with _opening:
            _open.pop(self.root, None)
        self.engine.dispose()


def open(root: Path) -> Database:  # noqa: A001 - read as database.open
    """The database of data folder `root`, made or migrated if need be; one per folder and process.

    Raises StorageError if the folder cannot be used or was written by a newer studio.
    """
    root = root.resolve()
    with _opening:
        if root not in _open:
            _open[root] = Database(root, _prepare(root))
        return _open[root]


def _prepare(root: Path) -> Engine:
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _locked(root / LOCK), _in_words(root):
            migrate(root)
    except OSError as error:
        raise StorageError(
            f"The data folder {root} cannot be used: {error.strerror or error}. "
            "To fix this, make it writable or set MOE_STUDIO_DATA to another folder."
        ) from error
    return connect(root)


def connect(root: Path, *, for_migration: bool = False) -> Engine:
    """An engine on the database file, as it is."""
    engine = create_engine(f"sqlite:///{root / FILE}", **({"poolclass": NullPool} if for_migration else {}))

    @event.listens_for(engine, "connect")
    def _(connection: sqlite3.Connection, _record: Any) -> None:
        # Python's own transaction handling does not begin one before DDL; we begin ours.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        connection.execute("PRAGMA synchronous=NORMAL")
        # Rebuilding a table with foreign keys on would delete what refers to it.
        connection.execute(f"PRAGMA foreign_keys={'OFF' if for_migration else 'ON'}")
        if for_migration:
            connection.execute("PRAGMA journal_mode=WAL")

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    return engine


def migrate(root: Path, script_location: str = MIGRATIONS) -> None:
    """Bring the database to the newest schema in one transaction: killed half way, nothing has changed."""
    config = Config()
    config.set_main_option("script_location", script_location)
    script = ScriptDirectory.from_config(config)
    engine = connect(root, for_migration=True).execution_options(begin="BEGIN IMMEDIATE")
    with engine.begin() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        if current == script.get_current_head():
            return
        if current is not None and current not in {step.revision for step in script.walk_revisions()}:
            raise StorageError(
                f"The database in {root} was written by a newer studio: this one does not know its schema "
                f"{current!r}. Nothing was changed. To fix this, update the studio or set MOE_STUDIO_DATA to "
                "another folder."
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first():
            raise RuntimeError(f"A migration left a row of {broken[0]} that refers to nothing")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes; the kernel lets go when the holder dies."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _in_words(root: Path) -> Iterator[None]:
    """SQLite's refusals that are no defect of ours, as StorageError."""
    try:
        yield
    except DBAPIError as error:
        reason = str(error.orig)
        if reason.startswith("no such ") or "syntax error" in reason:
            raise
        if isinstance(error, OperationalError) or "not a database" in reason or "malformed" in reason:
            raise StorageError(
                f"The database {root / FILE} did not answer: {reason}. {_remedy(reason)}"
            ) from error
        raise


def _remedy(reason: str) -> str:
    if "full" in reason:
        return "To fix this, free some space on its disk; nothing stored is lost."
    if "locked" in reason or "busy" in reason:
        return "Another program holds it. To fix this, end that program or try again in a moment."
    if "not a database" in reason or "malformed" in reason:
        return (
            "To fix this, end the studio, then restore the file from a copy, or move it away to begin with "
            "an empty studio. Weights and exports stay in runs/ for a restored file to find."
        )
    if "readonly" in reason or "unable to open" in reason:
        return "To fix this, make the data folder writable or set MOE_STUDIO_DATA to another folder."
    return "To fix this, look at the data folder's disk, or set MOE_STUDIO_DATA to another folder."
