"""Where a run may begin: at random weights, or at those of a run that has trained."""

from __future__ import annotations

from functools import lru_cache
from itertools import islice

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
    return {run.id: f"{run.name}, {run.id}" for run in islice(kept, LOOKED_AT) if _fits(db, run.id, design)}


@lru_cache(maxsize=1024)
def _fits(db: Database, run_id: str, design: Design) -> bool:
    """What a run trained never changes, and the page asks again at each rerun."""
    return not difference(design, read_design(runs.get(db, run_id).design))
