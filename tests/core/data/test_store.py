"""Data sets on disk: whole or not there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.data import store
from core.data.errors import DataError
from core.data.ingest import ingest
from core.data.load import load, sources
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
