"""Which design is trained: the open one, another draft, or a starter; and mending it."""

from dataclasses import dataclass

from app import state
from app.record import read_design
from core.design.edit import Edit
from core.design.edits import apply
from core.design.plan import Plan
from core.design.presets.registry import PRESETS, plan_for, preset
from core.design.problems import Problem
from core.design.spec import Design
from core.design.suited import suited
from storage import drafts
from storage.database import Database
from storage.drafts import Conflict, Document
from storage.errors import NotFoundError
from storage.records import Draft

_STARTERS = tuple(entry.name for entry in PRESETS if entry.kind == "starter" and preset(entry.name).depth)


@dataclass(frozen=True)
class Choice:
    """A design that can be trained: a draft of the user, or a preset of ours."""

    key: str
    label: str
    draft: Draft | None = None

    @property
    def design(self) -> Design:
        """The design as it is now."""
        return read_design(self.draft.design) if self.draft else preset(self.key)

    @property
    def plan(self) -> Plan:
        """The plan that suits it: of the preset, or of the first starter with the same task, and with the
        objective that is usual for its routing."""
        if self.draft is None:
            return plan_for(self.key)
        kind = self.design.task.kind
        usual = (plan_for(name) for name in _STARTERS if preset(name).task.kind == kind)
        return suited(next(usual, Plan(steps=500)), self.design)

    @property
    def file(self) -> str:
        """The name of the file it can be saved as."""
        return f"{self.key}.json"


def choices(db: Database) -> list[Choice]:
    """The open design first, then other drafts, the last edited first, then the starters."""
    listed = {draft.id: draft for draft in drafts.listing(db)}
    opened = state.design_id()
    order = sorted(listed, key=lambda draft_id: draft_id != opened)
    names = [listed[draft_id].name for draft_id in order]
    own = [
        Choice(draft_id, _label(listed[draft_id], names.count(listed[draft_id].name) > 1), listed[draft_id])
        for draft_id in order
    ]
    return [*own, *(Choice(name, f"{preset(name).name}, starter") for name in _STARTERS)]


def chosen_first(found: list[Choice]) -> int:
    """The choice to begin with: the open design, else the text starter."""
    opened = state.design_id()
    starter = next(i for i, choice in enumerate(found) if choice.draft is None)
    return next((i for i, choice in enumerate(found) if choice.key == opened), starter)


def mend(db: Database, choice: Choice, edit: Edit, widget: str) -> str:
    """Apply a problem's edit: a draft gets one more undoable edit, a starter becomes a draft first.

    Returns what stood in the way, empty if nothing did.
    """
    mended = apply(choice.design, edit)
    if isinstance(mended, Problem):
        return str(mended)
    document = Document(mended.name, mended.model_dump_json(), mended.sha)
    if choice.draft is None:
        draft = drafts.create(db, document)
        state.open_design(draft.id)
        state.fill(widget, draft.id)
        return ""
    try:
        saved = drafts.save(db, choice.draft.id, choice.draft.revision, document, edit.label)
    except NotFoundError as error:
        return str(error)
    if isinstance(saved, Conflict):
        return "Another tab changed this design meanwhile, so nothing was done. Press the button again."
    return ""


def _label(draft: Draft, shared: bool) -> str:
    return f"{draft.name} ({draft.id})" if shared else draft.name
