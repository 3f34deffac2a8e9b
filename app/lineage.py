"""Which run a new one starts from, and what it is to it."""

from collections.abc import Mapping

from app.errors import UserError
from app.record import read_design
from core.design.files import checkpoint_steps
from core.design.plan import Plan, Taken
from core.design.spec import Design
from core.design.suited import difference
from storage import files, runs
from storage.database import Database
from storage.records import Relation
from storage.status import ACTIVE, Status

_FIX: Mapping[Taken, str] = {
    "everything": "start from a run of this design, or of one that differs in its routers only",
    "routers": "start from a run with routers like these, or take everything over",
}


def lineage(db: Database, design: Design, plan: Plan) -> tuple[str | None, Relation | None]:
    """(parent, relation) of a run with this plan: it extends a run on the same data, else fine-tunes it.

    Raises StorageError if there is no run to start from, UserError if it has no weights that fit.
    """
    if plan.start_from is None:
        return None, None
    parent = runs.get(db, plan.start_from)
    waiting = parent.status in ACTIVE | {Status.QUEUED}
    if not (waiting or checkpoint_steps(files.folder(db.root, "runs", parent.id))):
        raise UserError(
            f"The run {parent.id} has no weights to start from. To fix this, train it further, or start from"
            " another."
        )
    if said := difference(design, read_design(parent.design), plan.start_with):
        raise UserError(
            f"The weights of {parent.id} do not fit this design: {said}. To fix this,"
            f" {_FIX[plan.start_with]}."
        )
    return parent.id, "extend" if parent.data == plan.data else "fine_tune"
