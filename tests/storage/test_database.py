import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import IntegrityError
from sqlmodel import text

import storage
from storage import database, measurements, runs
from storage.database import Database
from storage.errors import StorageError
from storage.records import RunPublic
from storage.tables import MetricRow, Table
from tests.storage.conftest import DOCUMENT, PLAN

MIGRATIONS = Path(storage.__file__).parent / "migrations"
SLOW_REVISION = """
import time
from alembic import op
revision, down_revision, branch_labels, depends_on = "0003", "0002", None, None

def upgrade():
    op.execute("CREATE TABLE half (x INTEGER)")
    op.execute("ALTER TABLE run ADD COLUMN half INTEGER")
    op.execute("UPDATE run SET name = 'half'")
    print("half way", flush=True)
    time.sleep({seconds})
    op.execute("INSERT INTO half VALUES (1)")
"""
OPEN = """
import pathlib, sys
from storage import database
database.open(pathlib.Path(sys.argv[1]))
print("opened")
"""
MIGRATE = """
import pathlib, sys
from storage import database
database.migrate(pathlib.Path(sys.argv[1]), sys.argv[2])
"""


def python(code: str, *args: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", code, *map(str, args)]
    return subprocess.Popen(command, cwd=MIGRATIONS.parents[1], stdout=subprocess.PIPE, text=True)


def test_migrations_make_exactly_the_tables_of_the_code(db: Database) -> None:
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []


def test_a_connection_has_our_settings(db: Database) -> None:
    with db.read() as session:
        values = {
            name: session.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        }
    assert values == {"journal_mode": "wal", "synchronous": 1, "busy_timeout": 10_000, "foreign_keys": 1}


def test_one_database_for_each_folder(db: Database, tmp_path: Path) -> None:
    assert database.open(Path(os.path.relpath(db.root))) is db
    with contextlib.closing(database.open(tmp_path / "other")) as other:
        assert other is not db


def test_foreign_keys_are_enforced(db: Database) -> None:
    with pytest.raises(IntegrityError), db.write() as session:
        session.add(MetricRow(run_id="nobody", step=0, record="{}"))


def test_a_write_is_all_or_nothing(db: Database, run: RunPublic) -> None:
    with contextlib.suppress(KeyError), db.write() as session:
        session.execute(text("UPDATE run SET name = 'changed'"))
        raise KeyError
    assert runs.get(db, run.id).name == run.name


def test_two_writers_wait_for_each_other_even_after_reading(db: Database, run: RunPublic) -> None:
    other = Database(db.root, database.connect(db.root))
    with db.write() as first:
        first.execute(text("SELECT step FROM run"))
        with other.read() as reader:
            assert reader.execute(text("SELECT step FROM run")).scalar() == 0
        first.execute(text("UPDATE run SET step = step + 1"))
    with other.write() as second:
        second.execute(text("UPDATE run SET step = step + 1"))
    other.engine.dispose()
    assert runs.get(db, run.id).step == 2


def test_processes_that_start_together_both_open_it(tmp_path: Path) -> None:
    together = [python(OPEN, tmp_path / "data") for _ in range(3)]
    assert [process.communicate()[0] for process in together] == ["opened\n"] * 3


def test_a_newer_database_is_refused_in_words_and_left_alone(tmp_path: Path) -> None:
    database.open(tmp_path).close()
    with sqlite3.connect(tmp_path / database.FILE) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StorageError, match=r"newer studio.*'9999'.*Nothing was changed. To fix this, update"):
        database.open(tmp_path)
    with sqlite3.connect(tmp_path / database.FILE) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
    connection.close()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / database.FILE).write_bytes(b"not a database at all" * 100)
    with pytest.raises(
        StorageError, match=r"studio.db did not answer: .*not a database. To fix this, end the studio, then"
    ):
        database.open(tmp_path)


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(StorageError, match=r"data folder .* cannot be used: .* To fix this"):
        database.open(tmp_path / "data")


def test_a_folder_of_the_studio_before_measurements_keeps_its_runs(tmp_path: Path) -> None:
    older, root = tmp_path / "older", tmp_path / "data"
    shutil.copytree(MIGRATIONS, older, ignore=shutil.ignore_patterns("__pycache__", "0002_*"))
    root.mkdir()
    database.migrate(root, str(older))
    before = Database(root, database.connect(root))
    kept = runs.create(before, DOCUMENT, PLAN, "text", "request-1")
    before.close()
    with contextlib.closing(database.open(root)) as now:
        assert runs.get(now, kept.id) == kept
        values: dict[str, Any] = {"found": {}, "figures": {}, "environment": {}, "seconds": 1.0}
        measurements.keep(now, "d" * 64, key="k" * 64, seed=0, run_id=kept.id, **values)
        assert measurements.read(now, ["d" * 64])["d" * 64].run_id == kept.id


def slow_migrations(folder: Path, seconds: float) -> Path:
    """The code of a newer studio: our migrations and one more that takes its time."""
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "0003_slow.py").write_text(SLOW_REVISION.format(seconds=seconds))
    return folder


def content(root: Path) -> list[str]:
    connection = sqlite3.connect(root / database.FILE)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return list(connection.iterdump())
    finally:
        connection.close()


def test_kill_during_a_migration_changes_nothing(tmp_path: Path, db: Database, run: RunPublic) -> None:
    before = content(db.root)
    scripts = slow_migrations(tmp_path / "newer", seconds=60)
    process = python(MIGRATE, db.root, scripts)
    assert process.stdout is not None
    assert process.stdout.readline() == "half way\n"
    time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()

    assert content(db.root) == before
    db.close()
    assert runs.get(database.open(db.root), run.id).name == run.name

    slow_migrations(tmp_path / "again", seconds=0)
    database.migrate(db.root, str(tmp_path / "again"))
    after = "\n".join(content(db.root))
    assert "half" in after
    assert "'0003'" in after
    database.open(db.root).close()
