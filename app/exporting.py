"""From a run to a file that runs elsewhere, for the export command and the background job. Loads torch."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from app.errors import UserError
from app.jobs import LocalEngine
from core.data.base import Batch, Dataset
from core.data.errors import DataError
from core.data.load import load
from core.export.errors import ExportError
from core.export.registry import TARGETS, Report, Subject, find
from core.train.errors import CheckpointError
from core.train.restore import restore
from storage import files, runs
from storage.records import JobPublic, RunPublic

NO_DATA = "The run's data is gone, so the comparison used made-up inputs only."


def perform(engine: LocalEngine, job: JobPublic, report: Callable[[float, str], None]) -> dict[str, Any]:
    """The job `export`, with arguments {"target": name, "routing": bool}.

    The result is the report's figures and `notes`; files lie in the run's exports/<job>/. A failed parity is
    a result too: `files` is then empty.
    """
    if job.run_id is None:
        raise UserError("This export names no run. To fix this, start it from a run.")
    name = str(job.arguments.get("target", "onnx"))
    folder = files.export_folder(engine.root, job.run_id, job.id)
    try:
        told, notes = export_run(
            engine.root,
            runs.get(engine.db, job.run_id),
            name,
            folder / TARGETS[name].filename if name in TARGETS else folder,
            routing=bool(job.arguments.get("routing", True)),
            progress=report,
        )
    finally:
        if job.run_id not in runs.ids(engine.db) or job.run_id in runs.marked(engine.db):
            # The export's first file makes its folders anew, and nobody would remove them any more.
            files.remove(engine.root, "runs", job.run_id)
            raise UserError("The run was deleted while it was exported. To fix this, export another run.")
    return {**told.as_json(), "notes": notes}


def export_run(
    root: Path,
    run: RunPublic,
    target: str,
    out: Path,
    *,
    routing: bool,
    progress: Callable[[float, str], None],
    step: int | None = None,
) -> tuple[Report, list[str]]:
    """Export the newest checkpoint of a run, or that of `step`, to `out`; the report, and notes in words.

    Raises UserError.
    """
    try:
        exporter = find(target).exporter()
        progress(0.0, "Loading the run")
        design, plan, model, step = restore(files.folder(root, "runs", run.id), step)
        torch.set_num_threads(plan.threads or 1)
        about, notes = {"run": run.id, "step": str(step)}, []
        examples: list[Batch] = []
        try:
            data = load(run.data, root, paths=False)
            context = plan.context or design.task.tokens
            examples = data.held_out(plan.evaluate_examples, context=context)
            about |= meanings(data)
        except DataError:
            notes.append(NO_DATA)
        trained = min(1.0, step / plan.steps) if plan.steps else 1.0
        return exporter(Subject(model, trained, examples, about), out, routing, progress), notes
    except (CheckpointError, ExportError) as error:
        raise UserError(str(error)) from error


def meanings(data: Dataset) -> dict[str, str]:
    """What a reader of the file must know to read its answers: classes, and scales of numbers, as JSON."""
    told = {
        "classes": {head: list(names) for head, names in data.classes.items()},
        "scales": {head: list(scale) for head, scale in data.scales.items()},
        "columns": list(data.columns),
    }
    return {name: json.dumps(value) for name, value in told.items() if value}
