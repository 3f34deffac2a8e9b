"""Questions of the command line to a run, answered in this process; words for layers and experts."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.errors import UserError
from app.inference.older import damage
from app.paths import data_root
from app.record import read_design, routed_layers
from core.design.mistakes import fault
from core.design.override import BOOST, Override, Overrides, Scope
from core.design.spec import Design
from core.probe.errors import ProbeError
from storage import database, files, runs

_CELL = re.compile(r"([^:=]+):(\d+)(?:=(-?\d+(?:\.\d*)?|-?\.\d+))?")


def answered(run_id: str, question: str, step: int | None = None, **payload: Any) -> Any:
    """The answer that the process beside the pages gives too, one of `core.probe.answers`.

    Says on the error output where an older checkpoint answers because the newest is damaged.

    Raises UserError for what the run cannot answer, StorageError for no such run.
    """
    db = database.open(data_root())
    runs.get(db, run_id)
    if step is None and (said := damage(files.folder(db.root, "runs", run_id))):
        sys.stderr.write(f"{said}\n")
    # torch takes seconds to load; a wrong run should not wait for it.
    from app.inference.server import share_of_memory
    from app.inference.shelf import Shelf

    try:
        return Shelf(db, share_of_memory()).answer(run_id, question, payload, step)
    except ProbeError as error:
        raise UserError(str(error)) from error


def design_of(run_id: str) -> Design:
    """The design of a run. Raises StorageError."""
    return read_design(runs.get(database.open(data_root()), run_id).design)


def layer_path(design: Design, said: str) -> str:
    """The path of a layer said by its path or its number. Raises UserError."""
    names = routed_layers(design)
    for path, name in names.items():
        if said in (path, name.removeprefix("layer ")):
            return path
    known = ", ".join(f"{name.removeprefix('layer ')} ({path})" for path, name in names.items()) or "none"
    raise UserError(f"There is no routed layer {said[:60]!r}. To fix this, name one of: {known}.")


def overrides(
    design: Design, off: Sequence[str], on: Sequence[str], boost: Sequence[str], scope: Scope
) -> Overrides:
    """What `--off`, `--on` and `--boost` say, each LAYER:EXPERT. Raises UserError."""
    found: dict[str, dict[str, Any]] = {}
    for name, cells in (("suppress", off), ("force", on)):
        for cell in cells:
            path, expert, _ = _cell(design, cell)
            found.setdefault(path, {}).setdefault(name, []).append(expert)
    for cell in boost:
        path, expert, number = _cell(design, cell)
        bias = BOOST if number is None else number
        found.setdefault(path, {}).setdefault("bias", {})[expert] = bias
    try:
        return {path: Override.model_validate({**spec, "scope": scope}) for path, spec in found.items()}
    except ValidationError as error:
        raise UserError(
            f"These experts cannot be switched so: {fault(error.errors()[0])}. To fix this, change that."
        ) from error


def _cell(design: Design, said: str) -> tuple[str, int, float | None]:
    match = _CELL.fullmatch(said)
    if match is None:
        raise UserError(
            f"{said[:60]!r} names no expert. To fix this, write a layer and the number of an expert, such as"
            " 3:5 or decoder.2.1:5; a boost may end with what to add to its logit, such as 3:5=1.5."
        )
    return layer_path(design, match[1]), int(match[2]), None if match[3] is None else float(match[3])


def text_of(path: Path) -> str:
    """What a file says. Raises UserError."""
    try:
        return path.expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}. To fix this, choose a text in UTF-8.") from error
