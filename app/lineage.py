"""Which run a new one starts from, and what it is to it."""

from core.design.plan import Plan
from storage import runs
from storage.database import Database
from storage.records import Relation


def lineage(db: Database, plan: Plan) -> tuple[str | None, Relation | None]:
    """(parent, relation) of a run with this plan: it extends a run on the same data, else fine-tunes it.

    Raises StorageError if there is no run to start from.
    """
    if plan.start_from is None:
        return None, None
    return plan.start_from, "extend" if runs.get(db, plan.start_from).data == plan.data else "fine_tune"
