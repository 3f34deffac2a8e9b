"""Writing model files so that a kill leaves the old ones or the new ones."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx_ir as ir

from core.design.files import beside, sync
from core.export.errors import ExportError

#: Above this many bytes of weights they go into a file of their own: one file ends at 2 GiB.
EXTERNAL_BYTES = 1_500_000_000


@contextmanager
def workshop(path: Path) -> Iterator[Path]:
    """A folder beside `path` for files under way, gone afterwards. Raises ExportError."""
    folder = beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        folder.mkdir()
    except OSError as error:
        raise ExportError(
            f"{path} cannot be written: {error.strerror}. To fix this, choose another place."
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def save(model: ir.Model, path: Path, external_bytes: int) -> None:
    """Write a model, its weights apart in `<name>.data` if they are more than `external_bytes`."""
    size = sum(value.const_value.nbytes for value in model.graph.initializers.values() if value.const_value)
    ir.save(model, path, external_data=f"{path.name}.data" if size > external_bytes else None)


def keep(made: Path, path: Path) -> dict[str, int]:
    """Move the finished files into place, weights first; bytes by name."""
    data = made.with_name(f"{made.name}.data")
    pieces = [(data, path.with_name(data.name))] if data.exists() else []
    pieces.append((made, path))
    for piece, target in pieces:
        sync(piece)
        piece.replace(target)
    sync(path.parent)
    return {target.name: target.stat().st_size for _, target in reversed(pieces)}
