"""The open design of one browser session: what is shown, what was just done, saving by compare and swap."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from threading import RLock
from typing import Any

from app.composer.pasting import pasted
from app.composer.saying import said_of
from components.canvas.layout import COLUMNS
from components.canvas.ops import Acked, Op, unseen
from components.strip.cells import Cell
from core.design.compose.acts import ACTS, act
from core.design.compose.clip import Clip, copied
from core.design.compose.sketch import Done, part_at
from core.design.edit import Edit
from core.design.edits import apply, parse
from core.design.pointer import PointerError, get
from core.design.presets.registry import UnknownPresetError, preset
from core.design.problems import Problem
from core.design.spec import Design
from storage import drafts
from storage.database import Database
from storage.drafts import Conflict, Document
from storage.errors import StorageError
from storage.records import Draft

#: Height of the drawing in pixels: the least, the one of a window 900 px high, the most.
HEIGHTS = (400, 662, 4000)


@lru_cache(maxsize=64)
def read(text: str) -> Design:
    """A stored design. ValueError if the text is none, which only a damaged database can hold."""
    # By `parse`, so that equal layers are one object, which every later cache finds by identity.
    result = parse(json.loads(text))
    if isinstance(result, Problem):
        raise ValueError(str(result))
    return result


def document(design: Design) -> Document:
    """A design as storage takes it."""
    return Document(design.name, design.model_dump_json(), design.sha)


@dataclass
class Desk:
    """State of the Design page in one session. Saving happens in each act: there is no save button.

    Streamlit starts the next run of a page while a callback of the last one may still work, so acts wait
    for each other.

    `before` is the design before the last act of this session, None right after opening.
    `lost` is what this session could not save because another one was faster. `heat` is the quantity that
    colours the drawing, empty for none; `clip` what was copied, from whichever design; `figures` what the
    cost strip said last; `menu` counts how often the menu of versions was closed, and names it.
    """

    draft: Draft | None = None
    before: Design | None = None
    last: str = ""
    selected: str = ""
    opened: set[str] = field(default_factory=set)
    column: int = COLUMNS[1]
    height: int = HEIGHTS[1]
    heat: str = ""
    clip: Clip | None = None
    figures: tuple[Cell, ...] = ()
    acked: Acked = field(default_factory=Acked)
    message: str = ""
    said: str = ""
    lost: Document | None = None
    menu: int = 0
    lock: RLock = field(default_factory=RLock, repr=False)

    @property
    def design(self) -> Design:
        """The open design. Raises LookupError while none is open."""
        if self.draft is None:
            raise LookupError("no design is open")
        return read(self.draft.design)

    def open(self, db: Database, draft_id: str) -> None:
        """Show the draft as it is stored now; another draft than before starts a fresh view.

        Raises storage.errors.NotFoundError.
        """
        with self.lock:
            draft = drafts.get(db, draft_id)
            if self.draft is None or self.draft.id != draft.id:
                drafts.prune(db, draft.id)
                kept = self.branch(db) if self.lost is not None else None
                self._reset(draft)
                if kept is not None:
                    self.message = f"Your unsaved version is kept as a design of its own: {kept.name}."
            self.draft = draft
            self._keep_in_sight()

    def _reset(self, draft: Draft) -> None:
        """A fresh view of another draft; the width and what was acknowledged belong to the page."""
        routed = [p.pointer for p in read(draft.design).parts() if p.part.body.kind == "moe"]
        self.before, self.last, self.said, self.message = None, "", "", ""
        self.lost = None
        self.selected, self.opened = (routed[0] if routed else ""), set(routed[:1])

    # ---- acts
    def edit(self, db: Database, edit: Edit) -> bool:
        """Apply and save one edit; a message says why where it cannot be."""
        with self.lock:
            if self._undecided():
                return False
            self.message = ""
            result = apply(self.design, edit)
            if isinstance(result, Problem):
                self.message = str(result)
                return False
            return self.replace(db, result, edit.label)

    def replace(self, db: Database, design: Design, label: str) -> bool:
        """Save `design` as the next state of the draft."""
        mine = document(design)
        with self.lock:
            assert self.draft is not None
            if self._undecided():
                return False
            saved = self._settle(lambda at: drafts.save(db, at.id, at.revision, mine, label), label, mine)
            return saved and self.lost is None

    def undo(self, db: Database) -> None:
        """Back to the state before the last edit."""
        with self.lock:
            assert self.draft is not None
            if self._undecided():
                return
            label = f"Undid: {self.draft.undo}" if self.draft.undo else ""
            self._settle(lambda at: drafts.undo(db, at.id, at.revision), label)

    def redo(self, db: Database) -> None:
        """Forward again."""
        with self.lock:
            assert self.draft is not None
            if self._undecided():
                return
            label = f"Redid: {self.draft.redo}" if self.draft.redo else ""
            self._settle(lambda at: drafts.redo(db, at.id, at.revision), label)

    def _undecided(self) -> bool:
        """Whether a lost race is open: the next act would build on one version and drop the other."""
        if self.lost is not None:
            self.message = "Choose first which version to go on with; until then nothing is changed."
        return self.lost is not None

    def _settle(
        self, store: Callable[[Draft], Draft | Conflict], label: str, mine: Document | None = None
    ) -> bool:
        """Store the next state of the draft and show what came of it; False where storage refused."""
        assert self.draft is not None
        self.message = ""
        try:
            result = store(self.draft)
        except StorageError as error:
            self.message = str(error)
            return False
        if isinstance(result, Conflict):
            self.lost = mine
            if mine is None:
                self.message = "Another tab changed this design meanwhile. It is shown as it is now."
                self.draft = result.current
            return True
        before = self.design
        self.draft, self.lost = result, None
        if self.design != before:
            self.before, self.last = before, label
            self.said = said_of(label, before, self.design)
        self._keep_in_sight()
        return True

    def take_theirs(self, db: Database) -> None:
        """After a lost race: show what the other tab saved. Where it is gone, mine stays to be kept."""
        with self.lock:
            assert self.draft is not None
            try:
                theirs = drafts.get(db, self.draft.id)
            except StorageError as error:
                self.message = str(error)
                return
            self.draft, self.lost, self.before, self.message = theirs, None, None, ""
            self._keep_in_sight()

    def branch(self, db: Database) -> Draft:
        """After a lost race: keep what this tab has as a design of its own."""
        with self.lock:
            assert self.lost is not None
            mine = self.lost
            design = read(mine.json).model_copy(update={"name": f"{mine.name[:70]} (branch)"})
            kept = drafts.create(db, document(design))
            self.lost = None
            return kept

    # ---- the drawing
    def take(self, db: Database, outbox: Any) -> None:
        """Do every act of `outbox` that was not done yet, in order. An act may open another draft."""
        with self.lock:
            for op, acked in list(unseen(outbox, self.acked)):
                self.act(db, op, acked)

    def act(self, db: Database, op: Op, acked: Acked) -> None:
        """Do what the hand did in the drawing; `acked` is recorded whatever comes of it."""
        self.acked = acked
        if op.type == "select":
            self.select(op.target)
        elif op.type == "fold":
            (self.opened.add if op.open else self.opened.discard)(op.target)
        elif op.type == "column" and op.width in COLUMNS:
            self.column, self.height = op.width, min(max(op.number, HEIGHTS[0]), HEIGHTS[2])
        elif op.type == "heat":
            self.heat = op.what
        elif op.type == "edit" and op.edit is not None:
            self.edit(db, op.edit)
        elif op.type in ("undo", "redo"):
            (self.undo if op.type == "undo" else self.redo)(db)
        elif op.type == "copy":
            self._copy(op)
        elif op.type == "start":
            self._start(db, op.what)
        elif op.type == "open":
            self._open_text(db, op.text)
        elif op.type in ACTS:
            self._compose(db, op)

    def select(self, target: str) -> None:
        """Show `target` in the inspector, and open the MoE layer it lies in."""
        self.selected = target
        self._keep_in_sight()
        part = part_at(self.design, target) if target.count("/") > 6 else ""
        if part and self.selected.startswith(part + "/body"):
            self.opened.add(part)

    def add(self, db: Database, what: str) -> None:
        """Add a part below the selection."""
        self._compose(db, Op("add", what=what))

    def delete(self, db: Database, target: str) -> None:
        """Take away what `target` stands for."""
        self._compose(db, Op("delete", target=target))

    def _targets(self, op: Op) -> tuple[str, ...]:
        return op.targets or (op.target or self.selected,)

    def _copy(self, op: Op) -> bool:
        clip = copied(self.design, self._targets(op))
        if isinstance(clip, str):
            self._say(clip)
            return False
        self.clip, self.message, self.said = clip, "", f"Copied {clip.said}."
        return True

    def _compose(self, db: Database, op: Op) -> None:
        """An act that changes the design: its edit, saved; then what it leaves selected and open."""
        if op.type == "cut" and not self._copy(op):
            return
        done = act(
            self.design,
            op.type,
            self._targets(op),
            place=op.place,
            what=op.what,
            by=op.by,
            number=op.number,
            width=op.width,
            alone=op.alone,
            clip=self.clip,
        )
        if isinstance(done, str):
            self._say(done)
        elif done.edit is None or self.edit(db, done.edit):
            self._follow(op, done)

    def _follow(self, op: Op, done: Done) -> None:
        opened = {done.moved[part] for part in self.opened if part in done.moved}
        moes = {placed.pointer for placed in self.design.parts() if placed.part.body.kind == "moe"}
        if op.type in ("add", "method") and done.select in moes:
            opened.add(done.select)
        self.opened = opened
        self.select(done.select)
        if done.note:
            self._say(done.note)

    def _say(self, message: str) -> None:
        self.message = self.said = message

    def _start(self, db: Database, name: str) -> None:
        """A preset as a new draft, which this session goes on with."""
        try:
            design = preset(name)
        except UnknownPresetError as error:
            self._say(str(error))
            return
        self._open_new(db, design)

    def _open_text(self, db: Database, text: str) -> None:
        found = pasted(text)
        if isinstance(found, str):
            self._say(found)
            return
        self._open_new(db, found.design)
        self.message = " ".join([self.message, *found.notes]).strip()

    def _open_new(self, db: Database, design: Design) -> None:
        try:
            draft = drafts.create(db, document(design))
            self.open(db, draft.id)
        except StorageError as error:
            self._say(str(error))
            return
        self.said = f"Opened {design.name}."

    def _keep_in_sight(self) -> None:
        """A pointer that leads nowhere any more falls back to what is left around it."""
        content = self.design.model_dump(mode="json")
        self.selected = next(target for target in _outwards(self.selected) if _stands(content, target))
        moes = {p.pointer for p in self.design.parts() if p.part.body.kind == "moe"}
        self.opened &= moes


def _outwards(target: str) -> Iterator[str]:
    """The pointer and all its parents, to the whole design."""
    while target:
        yield target
        target = target.rsplit("/", 1)[0]
    yield ""


def _stands(content: object, target: str) -> bool:
    try:
        get(content, target)
    except PointerError:
        return False
    return True
