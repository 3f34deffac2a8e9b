"""A run with experts switched, kept as a run of its own: the weights of its parent, and the overrides."""

import json
import shutil
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from app.errors import UserError
from app.inference.client import ask
from core.analysis.reading import plain
from core.design.facts import Event, MetricsRow
from core.design.files import MODEL, sha256, write_whole
from core.design.mistakes import fault
from core.design.override import Override, read_preset, write_preset
from core.probe.answers import WhatIf
from storage import files, runs
from storage.database import Database
from storage.ids import new_id

MANIFEST = "manifest.json"
COPIED = ("design.json", "plan.json", "environment.json")


def keep(db: Database, run_id: str, overrides: Mapping[str, Any], name: str, request_id: str) -> str:
    """The id of a new run, `adapt`ed from the newest checkpoint of another; again for the same request.

    Its folder has a manifest: parent, checkpoint, overrides, losses of the held-out set before and after. It
    is asked, traced and compared as any run is; training and exports refuse it, for they know weights only.
    Raises UserError and StorageError.
    """
    parent = runs.get(db, run_id)
    source = files.folder(db.root, "runs", run_id)
    wanted = _checked(overrides)
    if (known := runs.of_request(db, request_id)) is not None:
        return known.id
    found: WhatIf = ask(db, run_id, "whatif", overrides=overrides).value
    child = new_id(name)
    folder = files.folder(db.root, "runs", child)
    whole = {**read_preset(source), **wanted}
    try:
        shutil.copytree(source / "checkpoints" / str(found.step), folder / "checkpoints" / str(found.step))
        for copied in COPIED:
            if (source / copied).exists():
                shutil.copyfile(source / copied, folder / copied)
        write_preset(folder, whole)
        write_whole(folder / MANIFEST, json.dumps(_manifest(run_id, source, found, whole), indent=2))
        runs.derive(
            db, parent, child, name, request_id, step=found.step, records=_records(found, run_id, whole)
        )
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise UserError(
            f"The run could not be kept: {error.strerror or error}. To fix this, free some space."
        ) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    ask(db, child, "trace", own=True)
    return child


def _checked(overrides: Mapping[str, Any]) -> dict[str, Override]:
    try:
        wanted = {path: Override.model_validate(spec) for path, spec in overrides.items()}
    except ValidationError as error:
        raise UserError(
            f"These experts cannot be switched so: {fault(error.errors()[0])}. To fix this, change that."
        ) from error
    if all(spec.idle for spec in wanted.values()):
        raise UserError(
            "Nothing is switched, so the run would be its parent again. To fix this, switch an expert off or"
            " on."
        )
    return wanted


def _manifest(parent: str, source: Any, found: WhatIf, whole: Mapping[str, Override]) -> dict[str, Any]:
    checkpoint = source / "checkpoints" / str(found.step)
    return {
        "parent": parent,
        "relation": "adapt",
        "checkpoint": {"step": found.step, "model_sha256": sha256(checkpoint / MODEL)},
        "overrides": {path: spec.model_dump(exclude_defaults=True) for path, spec in whole.items()},
        "measured": found.measured,
        "notes": list(found.notes),
        "losses": [plain(shift) for shift in found.shifts],
    }


def _records(found: WhatIf, parent: str, whole: Mapping[str, Override]) -> list[MetricsRow | Event]:
    losses = {f"loss/{shift.domain}": shift.after for shift in found.shifts}
    mean = sum(losses.values()) / max(1, len(losses))
    text = f"Kept from {parent} with experts switched in {', '.join(whole)}."
    return [
        MetricsRow(step=found.step, seconds=0.0, held_out={"loss": mean, **losses}),
        Event(step=found.step, kind="adapt", text=text),
    ]
