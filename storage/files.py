"""Artifact files: where they lie, and writing them so that a kill leaves the old file or the new one.

    studio.db   runs/<id>/{design,plan,environment}.json, worker.log,
    checkpoints/<step>/{model,optimizer}.safetensors + state.json, traces/<step>.npz, exports/<job>/
    jobs/<id>/worker.log
    datasets/<id>/, which core.data.store alone writes and lists

Names that begin with a dot are unfinished or on their way out.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Literal
from uuid import uuid4

from storage.errors import StorageError
from storage.ids import checked_id

Kind = Literal["runs", "jobs"]

#: A folder without a row may be one that is being made; after this long it is not.
SWEEP_SECONDS = 3600.0
LAST_FILE = "state.json"


def folder(root: Path, kind: Kind, name: str) -> Path:
    """The folder of a run or job; it need not exist. Raises StorageError for a bad id."""
    return inside(root / kind, checked_id(name))


def export_folder(root: Path, run_id: str, job_id: str) -> Path:
    """Where an export job leaves its files. Raises StorageError for a bad id."""
    return inside(folder(root, "runs", run_id) / "exports", checked_id(job_id))


def inside(parent: Path, name: str) -> Path:
    """`parent / name` if that lies below `parent`, links followed. Raises StorageError."""
    path = parent / name
    resolved = path.resolve()
    if resolved == parent.resolve() or not resolved.is_relative_to(parent.resolve()):
        raise StorageError(
            f"{name[:60]!r} leads out of its folder, and the studio only writes inside. "
            "To fix this, use a plain name."
        )
    return path


def write(path: Path, content: bytes | str) -> None:
    """Write a whole file or none: temporary name, sync, rename, sync of the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with temporary.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make renames in a folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def checkpoints(run: Path) -> tuple[int, ...]:
    """Steps of the complete checkpoints of a run folder, in order."""
    found = (run / "checkpoints").glob(f"*/{LAST_FILE}")
    return tuple(sorted(int(path.parent.name) for path in found if path.parent.name.isdecimal()))


def newest_checkpoint(run: Path) -> int | None:
    """The step to continue from, or None."""
    return (checkpoints(run) or (None,))[-1]


def remove(root: Path, kind: Kind, name: str) -> None:
    """Remove a folder. It vanishes at once under its own name; a missing one is no error."""
    path = folder(root, kind, name)
    doomed = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        path.rename(doomed)
    except FileNotFoundError:
        return
    shutil.rmtree(doomed, ignore_errors=True)


def sweep(
    root: Path, kind: Kind, known: frozenset[str], older_than: float = SWEEP_SECONDS
) -> tuple[str, ...]:
    """Remove folders that no row knows and nobody touched for `older_than` seconds; the names removed."""
    base = root / kind
    if not base.is_dir():
        return ()
    gone = []
    for path in sorted(base.iterdir()):
        if path.name in known or path.is_symlink() or not path.is_dir():
            continue
        if time.time() - path.stat().st_mtime > older_than:
            shutil.rmtree(path, ignore_errors=True)
            gone.append(path.name)
    return tuple(gone)
