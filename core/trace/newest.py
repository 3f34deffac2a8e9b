"""Where a run keeps its traces."""

from __future__ import annotations

from pathlib import Path


def trace_path(run_folder: Path, step: int) -> Path:
    """The trace of a step."""
    return run_folder / "traces" / f"{step}.npz"


def newest_trace(run_folder: Path) -> Path | None:
    """The trace of the latest step that has one."""
    found = (path for path in (run_folder / "traces").glob("*.npz") if path.stem.isdecimal())
    return max(found, key=lambda path: int(path.stem), default=None)


def small_path(run_folder: Path, step: int) -> Path:
    """The small trace that was taken on the way, before this step."""
    return run_folder / "traces" / "small" / f"{step}.npz"


def small_traces(run_folder: Path) -> tuple[tuple[int, Path], ...]:
    """(step, file) of the small traces, in order."""
    found = (path for path in (run_folder / "traces" / "small").glob("*.npz") if path.stem.isdecimal())
    return tuple(sorted((int(path.stem), path) for path in found))
