import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.design.plan import Plan
from storage import database, runs
from storage.database import Database
from storage.drafts import Document
from storage.records import RunPublic

DOCUMENT = Document(name="Tiny Design", json='{"name":"Tiny Design"}', sha="a" * 64)
PLAN = Plan(steps=20)


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that was just made; copying it is quicker than migrating for each test."""
    root = tmp_path_factory.mktemp("fresh")
    database.open(root).close()
    return root


@pytest.fixture
def db(tmp_path: Path, fresh: Path) -> Iterator[Database]:
    shutil.copytree(fresh, tmp_path / "data")
    opened = database.open(tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture
def run(db: Database) -> RunPublic:
    return runs.create(db, DOCUMENT, PLAN, "text", "request-1")
