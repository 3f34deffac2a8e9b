import json
import os
from pathlib import Path

import pytest

from core.design import files
from tests.checkpoints import write_checkpoint


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep" / "plan.json"
    files.write_whole(path, "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left"):
        files.write_whole(path, b"new")
    assert path.read_text() == "old"
    assert [inner.name for inner in path.parent.iterdir()] == ["plan.json"]


def test_only_folders_with_a_state_are_checkpoints(tmp_path: Path) -> None:
    for name, complete in (("9", True), ("100", True), ("200", False), (".300.tmp", True), ("x", True)):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
        if complete:
            (tmp_path / "checkpoints" / name / files.STATE).write_text("{}")
    assert files.checkpoint_steps(tmp_path) == (9, 100)
    assert files.newest_checkpoint(tmp_path) is None


@pytest.mark.parametrize("damage", ["size", "content", "gone", "step", "state"])
def test_a_checkpoint_counts_only_whole(tmp_path: Path, damage: str) -> None:
    write_checkpoint(tmp_path, 4)
    folder = write_checkpoint(tmp_path, 8)
    assert files.newest_checkpoint(tmp_path) == 8
    state, model = folder / files.STATE, folder / files.MODEL
    content = model.read_bytes()
    if damage == "size":
        model.write_bytes(content[:-1])
    elif damage == "content":
        model.write_bytes(bytes(byte ^ 1 for byte in content))
    elif damage == "gone":
        model.unlink()
    elif damage == "step":
        state.write_text(json.dumps(json.loads(state.read_bytes()) | {"step": 9}))
    else:
        state.write_text("[")
    assert files.checkpoint_state(folder) is None
    assert files.newest_checkpoint(tmp_path) == 4
