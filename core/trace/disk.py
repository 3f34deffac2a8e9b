"""Writing so that a kill leaves the old file or the new one, never half of one."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4


def beside(path: Path) -> Path:
    """An unused name in the same folder; the dot marks it as unfinished."""
    return path.with_name(f".{path.name}.{uuid4().hex}")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file: temporary name, sync, rename, sync of the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = beside(path)
    try:
        temporary.write_bytes(content)
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
