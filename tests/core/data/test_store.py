"""Data sets on disk: whole or not there."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.data import store
from core.data.errors import DataError
from core.data.examples import ExampleData, Examples
from core.data.ingest import ingest
from core.data.load import load, sources
from core.design.facts import DataFacts
from core.design.tasks.base import Head
from tests.core.data.files import WORDS, everything_in, upload

TEXT = WORDS * 100


def test_a_deleted_data_set_is_gone(tmp_path: Path) -> None:
    facts = ingest(upload("notes.txt", TEXT), tmp_path)
    store.delete(facts.name, tmp_path)
    store.delete(facts.name, tmp_path)
    assert everything_in(tmp_path / "datasets") == []
    assert list(store.stored(tmp_path)) == []
    with pytest.raises(DataError, match="no data named"):
        load(facts.name, tmp_path)


def test_deleting_stays_inside_the_folder(tmp_path: Path) -> None:
    (tmp_path / "datasets").mkdir()
    (tmp_path / "other").mkdir()
    for name in ("../other", "..", ".", ""):
        store.delete(name, tmp_path)
    assert everything_in(tmp_path) == [tmp_path / "datasets", tmp_path / "other"]


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    old, young = (tmp_path / "datasets" / f"{store.TEMPORARY}{name}" for name in ("old", "young"))
    for path in (old, young):
        path.mkdir(parents=True)
        (path / "arrays.npz").write_bytes(b"half")
    os.utime(old, (0, 0))
    facts = ingest(upload("notes.txt", TEXT), tmp_path)
    names = {path.name for path in (tmp_path / "datasets").iterdir()}
    assert names == {young.name, facts.name}
    assert [source.name for source in sources(tmp_path) if source.facts] == [facts.name]


def test_a_kill_while_writing_leaves_no_data_set(tmp_path: Path) -> None:
    code = f"""
import os, numpy
from pathlib import Path
from core.data.ingest import ingest
from core.data.own.files import Upload
save = numpy.savez
def half(file, **arrays):
    save(file, **arrays)
    os.kill(os.getpid(), 9)
numpy.savez = half
ingest(Upload("notes.txt", {TEXT!r}), Path({str(tmp_path)!r}))
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert done.returncode == -9, done.stderr
    assert list(store.stored(tmp_path)) == []
    facts = ingest(upload("notes.txt", TEXT), tmp_path)
    assert load(facts.name, tmp_path).facts == facts


def test_two_writers_of_the_same_data_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def overtaken(self: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "rename", rename)
        ingest(upload("notes.txt", TEXT), tmp_path)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", overtaken)
    facts = ingest(upload("notes.txt", TEXT), tmp_path)
    assert [path.name for path in (tmp_path / "datasets").iterdir()] == [facts.name]
    assert load(facts.name, tmp_path).facts == facts


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "datasets").write_bytes(b"a file in the way")
    with pytest.raises(DataError, match=r"cannot be written.*To fix this"):
        ingest(upload("notes.txt", TEXT), tmp_path)
    assert everything_in(tmp_path) == [tmp_path / "datasets"]


@pytest.mark.parametrize(
    ("title", "name"), [("My Notes!", "my-notes"), ("Ünï", "n"), ("", "data"), ("a" * 99, "a" * 40)]
)
def test_ids_are_slugs(title: str, name: str) -> None:
    made = store.make_id(title, "0123456789abcdef")
    assert made == f"{name}-0123456789ab"
    assert store.ID.fullmatch(made)


@pytest.mark.parametrize(
    ("ids", "wrong"),
    [
        ({}, ""),
        ({"task": [0, 1, 0, -1]}, "Row 3 of .*/arrays.npz, counted from 0, names task -1.*0 to 1"),
        ({"task": [0, 2, 0, -1]}, "Row 1 of .*names task 2.*0 to 1"),
        ({"domain": [5, 0, 1, 0]}, "Row 0 of .*names domain 5.*0 to 2"),
        ({"domain": [0, 0, -2, 0]}, "Row 2 of .*names domain -2"),
    ],
)
def test_a_row_that_names_no_task_or_domain_is_refused(
    tmp_path: Path, ids: dict[str, list[int]], wrong: str
) -> None:
    rows = {"task": [0, 1, 0, 1], "domain": [0, 1, 2, 0]} | ids
    heads = (Head(name="a", size=2), Head(name="b", size=2))
    facts = DataFacts(
        name="n", kind="table", title="n", domains=("x", "y", "z"), heads=heads, features=2, has_task_id=True
    )
    examples = Examples(
        np.zeros((4, 2), np.float32),
        {head.name: np.array([0, 1, 0, 1]) for head in heads},
        np.array(rows["domain"]),
        np.array([False, False, True, False]),
        task=np.array(rows["task"]),
    )
    name = store.save(ExampleData(facts, examples), tmp_path).name
    if not wrong:
        assert store.open_stored(name, tmp_path).facts.name == name
        return
    with pytest.raises(DataError, match=f"(?s){wrong}.*To fix this"):
        store.open_stored(name, tmp_path)


def test_tasks_of_data_that_names_none_are_refused() -> None:
    with pytest.raises(DataError, match="has no tasks"):
        store.check_ids("task", np.array([0]), (), "n")
