"""Where a run may begin: at random weights, or at those of a run that has trained."""

from __future__ import annotations

from app.record import read_design
from core.design.files import checkpoint_steps
from core.design.spec import Design
from core.design.suited import difference
from storage import files, runs
from storage.database import Database

#: Newest runs that are looked at.
LOOKED_AT = 40


def starts(db: Database, design: Design) -> dict[str, str]:
    """Runs by id, with what to call them, whose weights `design` could take over, the newest first."""
    kept = (run for run in runs.listing(db) if checkpoint_steps(files.folder(db.root, "runs", run.id)))
    found = {}
    for run, _ in zip(kept, range(LOOKED_AT), strict=False):
        if not difference(design, read_design(runs.get(db, run.id).design)):
            found[run.id] = f"{run.name}, {run.id}"
    return found
