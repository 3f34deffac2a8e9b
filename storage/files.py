"""Artifact files: where they lie, and how they leave. Writing them is `core.design.files`.

    studio.db   runs/<id>/{design,plan,environment}.json, worker.log,
    checkpoints/<step>/{model,optimizer}.safetensors + state.json, traces/<step>.npz, exports/<job>/
    jobs/<id>/worker.log
    datasets/<id>/, which core.data.store alone writes and lists

Names that begin with a dot are unfinished or on their way out.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Literal

from core.design.files import beside, checkpoint_steps, known_sha256
from core.design.files import newest_checkpoint as newest_whole
from storage.errors import StorageError
from storage.ids import checked_id

Kind = Literal["runs", "jobs"]

#: A folder without a row may be one that is being made; after this long it is not.
SWEEP_SECONDS = 3600.0
#: What a process writes before its work begins. A folder that holds anything else is somebody's.
BEGINNINGS = frozenset(("design.json", "plan.json", "environment.json", "worker.log"))


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


def newest_checkpoint(run: Path) -> int | None:
    """The step to continue from, or None; damaged checkpoints do not count, as for who resumes."""
    return newest_whole(run, known_sha256)


def passed_over(run: Path) -> tuple[int, ...]:
    """Steps of damaged checkpoints that are newer than the newest whole one, which stands in for them."""
    whole = newest_checkpoint(run)
    return tuple(step for step in checkpoint_steps(run) if whole is not None and step > whole)


def remove(root: Path, kind: Kind, name: str) -> None:
    """Remove a folder. It vanishes at once under its own name; a missing one is no error."""
    path = folder(root, kind, name)
    doomed = beside(path)
    try:
        path.rename(doomed)
    except FileNotFoundError:
        return
    shutil.rmtree(doomed, ignore_errors=True)


def sweep(
    root: Path, kind: Kind, known: frozenset[str], older_than: float = SWEEP_SECONDS
) -> tuple[str, ...]:
    """Remove what nobody touched for `older_than` seconds and can hold no work; the names removed.

    That is a folder on its way out, and one without a row that holds `BEGINNINGS` at most. Weights, traces
    and exports stay even without a row: a database that is put back finds them again.
    """
    base = root / kind
    if not base.is_dir():
        return ()
    gone = []
    for path in sorted(base.iterdir()):
        if path.name in known or path.is_symlink() or not path.is_dir():
            continue
        old = time.time() - path.stat().st_mtime > older_than
        if old and (path.name.startswith(".") or not _holds_work(path)):
            shutil.rmtree(path, ignore_errors=True)
            gone.append(path.name)
    return tuple(gone)


def _holds_work(path: Path) -> bool:
    """Whether a file lies in a folder beside `BEGINNINGS`, links included."""
    return any(
        inner.is_symlink() or not inner.is_dir()
        for inner in path.rglob("*")
        if inner.parent != path or inner.name not in BEGINNINGS
    )
