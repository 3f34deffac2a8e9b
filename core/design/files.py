"""Files that a kill leaves old or new, never half; and what a whole checkpoint is. Loads no torch.

A checkpoint is `checkpoints/<step>/{model,optimizer}.safetensors + state.json`; `state.json` names both files
with size and sha256, so damage is found before it is loaded.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import uuid4

CHECKPOINT_FORMAT = 1
MODEL, OPTIMIZER, STATE = "model.safetensors", "optimizer.safetensors", "state.json"


def beside(path: Path) -> Path:
    """An unused name in the same folder; the dot marks it as unfinished."""
    return path.with_name(f".{path.name}.{uuid4().hex}")


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file: temporary name, sync, rename, sync of the folder. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = beside(path)
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        sync(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync(path.parent)


def sync(path: Path) -> None:
    """Make a file's bytes, or the renames in a folder, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256(path: Path) -> str:
    """Of the bytes of a file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def known_sha256(path: Path) -> str:
    """The same, read once as long as size and time of the file stay: for who asks every second."""
    status = path.stat()
    return _remembered(path, status.st_ino, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _remembered(path: Path, _inode: int, _size: int, _changed: int) -> str:
    return sha256(path)


def checkpoint_steps(run_folder: Path) -> tuple[int, ...]:
    """Steps of the checkpoints that are there, in order; whether they are whole, `checkpoint_state` says."""
    found = (run_folder / "checkpoints").glob(f"*/{STATE}")
    return tuple(sorted(int(path.parent.name) for path in found if path.parent.name.isdecimal()))


def newest_checkpoint(run_folder: Path, digest: Callable[[Path], str] = sha256) -> int | None:
    """Step of the newest checkpoint that is whole, or None."""
    whole = (
        step
        for step in reversed(checkpoint_steps(run_folder))
        if checkpoint_state(run_folder / "checkpoints" / str(step), digest) is not None
    )
    return next(whole, None)


def checkpoint_state(folder: Path, digest: Callable[[Path], str] = sha256) -> dict[str, Any] | None:
    """state.json of a checkpoint if its files have the size and sha256 that it says, else None."""
    try:
        state: dict[str, Any] = json.loads((folder / STATE).read_bytes())
        whole = state["format"] == CHECKPOINT_FORMAT and str(state["step"]) == folder.name
        for name in (MODEL, OPTIMIZER):
            path, said = folder / name, state["files"][name]
            whole = whole and path.stat().st_size == said["bytes"] and digest(path) == said["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return state if whole else None


def seal(folder: Path, step: int) -> dict[str, Any]:
    """What state.json must say of a checkpoint whose other files lie in `folder`. Raises OSError."""
    files = {}
    for name in (MODEL, OPTIMIZER):
        files[name] = {"bytes": (folder / name).stat().st_size, "sha256": sha256(folder / name)}
    return {"format": CHECKPOINT_FORMAT, "step": step, "files": files}
