"""A run with experts switched, kept as a run of its own."""

import json
from collections.abc import Iterator

import pytest

from app.errors import UserError
from app.inference.client import ask
from app.inference.keeping import MANIFEST, keep
from core.design.files import newest_checkpoint
from core.trace.newest import newest_trace
from core.trace.record import read
from core.train.errors import CheckpointError, TrainingError
from core.train.restore import restore
from core.train.start import begin_from
from storage import database, files, metrics, runs
from storage.database import Database
from storage.status import Status
from tests.app.inferring import serving, trained

PATH = "decoder.0.1"
OFF = {PATH: {"suppress": [1]}}


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    opened = database.open(tmp_path_factory.mktemp("studio"))
    with serving(opened.root):
        yield opened
    opened.close()


@pytest.fixture(scope="module")
def parent(db: Database) -> str:
    return trained(db, "parent")


def test_a_kept_run_answers_with_its_experts_switched(db: Database, parent: str) -> None:
    child = keep(db, parent, OFF, "without one", "click")
    assert keep(db, parent, OFF, "without one", "click") == child
    found, source = runs.get(db, child), runs.get(db, parent)
    assert (found.status, found.parent, found.relation) == (Status.DONE, parent, "adapt")
    assert (found.name, found.step, found.design_sha) == ("without one", 4, source.design_sha)
    folder = files.folder(db.root, "runs", child)
    assert newest_checkpoint(folder) == 4
    path = newest_trace(folder)
    assert path is not None
    trace = read(path)
    assert trace.header.run == child
    assert not (trace.layers[0].expert == 1).any()
    of_parent = ask(db, parent, "whatif", overrides=OFF).value
    own = ask(db, child, "whatif", overrides={}).value
    assert [shift.before for shift in own.shifts] == [shift.after for shift in of_parent.shifts]
    (row,) = metrics.read(db, child)
    assert row.held_out == pytest.approx(
        {"loss": sum(s.after for s in of_parent.shifts) / 2}
        | {f"loss/{s.domain}": s.after for s in of_parent.shifts}
    )
    told = json.loads((folder / MANIFEST).read_bytes())
    assert (told["parent"], told["relation"], told["overrides"]) == (parent, "adapt", OFF)
    assert told["losses"][0]["after"] == of_parent.shifts[0].after

    grandchild = keep(db, child, {PATH: {"suppress": [1, 2]}}, "without two", "again")
    assert runs.get(db, grandchild).parent == child
    picks = ask(db, grandchild, "inspect", text="aeiou").value.layers[0].expert_TK
    assert not ((picks == 1) | (picks == 2)).any()


def test_who_knows_weights_only_refuses_it(db: Database, parent: str) -> None:
    child = keep(db, parent, OFF, "refused", "refused")
    folder = files.folder(db.root, "runs", child)
    with pytest.raises(CheckpointError, match="saved with experts switched off or on"):
        restore(folder)
    _, _, model, _ = restore(files.folder(db.root, "runs", parent))
    with pytest.raises(TrainingError, match=r"To fix this, start from the parent"):
        begin_from(model, files.folder(db.root, "runs", parent), child)


def test_nothing_is_left_of_what_cannot_be_kept(db: Database, parent: str) -> None:
    before = {path.name for path in (db.root / "runs").iterdir()}
    for overrides, match in (
        ({}, "Nothing is switched"),
        ({PATH: {}}, "Nothing is switched"),
        ({PATH: {"suppress": ["x"]}}, "cannot be switched so"),
        ({"decoder.9.1": {"suppress": [0]}}, "no routed layer"),
    ):
        with pytest.raises(UserError, match=match):
            keep(db, parent, overrides, "no", "no")
    assert {path.name for path in (db.root / "runs").iterdir()} == before
