import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import files, ids
from storage.errors import StorageError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@given(name=st.text(max_size=300))
def test_any_name_gives_an_id(name: str) -> None:
    made = ids.new_id(name)
    assert ids.checked_id(made) == made


@pytest.mark.parametrize("bad", ["", "..", "../x", "a/b", "A", "a.b", "-a", "a" * 65, "a\n", "/etc", "a\0"])
def test_what_is_no_id_names_no_folder(tmp_path: Path, bad: str) -> None:
    with pytest.raises(StorageError, match=r"is not an id.*To fix this"):
        files.folder(tmp_path, "runs", bad)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "evil").symlink_to("/etc")
    with pytest.raises(StorageError, match=r"leads out of its folder"):
        files.folder(tmp_path, "runs", "evil")
    assert files.folder(tmp_path, "runs", "good") == tmp_path / "runs" / "good"


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep" / "plan.json"
    files.write(path, "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left"):
        files.write(path, b"new")
    assert path.read_text() == "old"
    assert names(path.parent) == ["plan.json"]


def test_only_complete_checkpoints_count(tmp_path: Path) -> None:
    assert files.newest_checkpoint(tmp_path) is None
    for name, complete in (("9", True), ("100", True), ("200", False), (".300.tmp", True), ("x", True)):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
        if complete:
            (tmp_path / "checkpoints" / name / files.LAST_FILE).write_text("{}")
    assert files.checkpoints(tmp_path) == (9, 100)
    assert files.newest_checkpoint(tmp_path) == 100


def test_sweeping_takes_old_folders_without_a_row(tmp_path: Path) -> None:
    for name in ("known", "orphan", "being-made", ".orphan.tmp"):
        (tmp_path / "runs" / name / "checkpoints").mkdir(parents=True)
    for name in ("known", "orphan", ".orphan.tmp"):
        os.utime(tmp_path / "runs" / name, (0, 0))
    assert files.sweep(tmp_path, "runs", frozenset({"known"})) == (".orphan.tmp", "orphan")
    assert names(tmp_path / "runs") == ["being-made", "known"]
    assert files.sweep(tmp_path, "jobs", frozenset()) == ()


def test_removing(tmp_path: Path) -> None:
    (tmp_path / "runs" / "one" / "checkpoints").mkdir(parents=True)
    files.remove(tmp_path, "runs", "one")
    files.remove(tmp_path, "runs", "one")
    assert names(tmp_path / "runs") == []
