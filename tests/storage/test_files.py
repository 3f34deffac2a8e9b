import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.design.files import MODEL, write_whole
from storage import files, ids
from storage.errors import StorageError
from tests.checkpoints import write_checkpoint


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


def test_a_damaged_checkpoint_does_not_count(tmp_path: Path) -> None:
    """As for who resumes; also where the damage comes after the checkpoint was seen whole."""
    assert files.newest_checkpoint(tmp_path) is None
    write_checkpoint(tmp_path, 9)
    newest = write_checkpoint(tmp_path, 100)
    assert files.newest_checkpoint(tmp_path) == 100
    (newest / MODEL).write_bytes(b"torn")
    assert files.newest_checkpoint(tmp_path) == 9
    assert files.passed_over(tmp_path) == (100,)


def test_nothing_is_passed_over_while_the_newest_is_whole_or_none_is(tmp_path: Path) -> None:
    assert files.passed_over(tmp_path) == ()
    only = write_checkpoint(tmp_path, 9)
    assert files.passed_over(tmp_path) == ()
    (only / MODEL).write_bytes(b"torn")
    assert files.passed_over(tmp_path) == ()


def test_sweeping_takes_old_folders_without_a_row_and_without_work(tmp_path: Path) -> None:
    for name in ("known", "orphan", "being-made", ".orphan.tmp"):
        (tmp_path / "runs" / name / "checkpoints").mkdir(parents=True)
    (tmp_path / "runs" / "orphan" / "worker.log").touch()
    for name in ("known", "orphan", ".orphan.tmp"):
        os.utime(tmp_path / "runs" / name, (0, 0))
    assert files.sweep(tmp_path, "runs", frozenset({"known"})) == (".orphan.tmp", "orphan")
    assert names(tmp_path / "runs") == ["being-made", "known"]
    assert files.sweep(tmp_path, "jobs", frozenset()) == ()


@pytest.mark.parametrize(
    "kept", ["checkpoints/4/state.json", "traces/4.npz", "exports/onnx-1/model.onnx", "notes.txt"]
)
def test_sweeping_leaves_work_that_the_database_forgot(tmp_path: Path, kept: str) -> None:
    """studio.db moved away: every run is without a row, and none of its weights may go."""
    write_whole(tmp_path / "runs" / "forgotten" / kept, b"work")
    os.utime(tmp_path / "runs" / "forgotten", (0, 0))
    assert files.sweep(tmp_path, "runs", frozenset()) == ()
    assert (tmp_path / "runs" / "forgotten" / kept).read_bytes() == b"work"


def test_removing(tmp_path: Path) -> None:
    (tmp_path / "runs" / "one" / "checkpoints").mkdir(parents=True)
    files.remove(tmp_path, "runs", "one")
    files.remove(tmp_path, "runs", "one")
    assert names(tmp_path / "runs") == []
