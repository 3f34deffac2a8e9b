"""Designs being edited: compare-and-swap on the revision, undo that survives a reload, named versions."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from storage.database import Database
from storage.errors import NotFoundError
from storage.ids import new_id
from storage.records import Draft, Version
from storage.tables import DraftRow, SnapshotRow, VersionRow

#: Steps that can be undone while a draft is open, more than anybody makes in a session; and after it.
HISTORY = 2000
KEPT = 100


@dataclass(frozen=True)
class Document:
    """A design at the storage boundary: its name, JSON text and sha256."""

    name: str
    json: str
    sha: str


@dataclass(frozen=True)
class Conflict:
    """Someone else saved first; `current` is what is stored now. Reload it, or save your own as a branch."""

    current: Draft


def create(db: Database, document: Document) -> Draft:
    """A new draft, also a branch of another one."""
    with db.write() as session:
        return _new(session, document)


def find_or_create(db: Database, document: Document) -> Draft:
    """The draft that is this very document as it stands, the last edited one; else a new one."""
    same = select(DraftRow).where(DraftRow.sha == document.sha, DraftRow.name == document.name)
    with db.write() as session:
        if found := session.exec(same.order_by(col(DraftRow.updated_at).desc())).first():
            return _public(session, found)
        return _new(session, document)


def get(db: Database, draft_id: str) -> Draft:
    """The draft as it is stored now. Raises NotFoundError."""
    with db.read() as session:
        return _public(session, _row(session, draft_id))


def listing(db: Database) -> tuple[Draft, ...]:
    """All drafts, the last edited first."""
    with db.read() as session:
        rows = session.exec(select(DraftRow).order_by(col(DraftRow.updated_at).desc(), col(DraftRow.id)))
        return tuple(Draft.model_validate(row) for row in rows)


def save(
    db: Database, draft_id: str, expected_revision: int, document: Document, label: str = ""
) -> Draft | Conflict:
    """Store the next state of a draft; what could be redone is forgotten. Raises NotFoundError.

    `label` names the edit for the undo button. Saving what is already stored changes nothing.
    """
    with db.write() as session:
        row = _row(session, draft_id)
        if row.revision != expected_revision:
            return Conflict(_public(session, row))
        if (row.name, row.design) == (document.name, document.json):
            return _public(session, row)
        history = delete(SnapshotRow).where(col(SnapshotRow.draft_id) == draft_id)
        session.execute(history.where(col(SnapshotRow.seq) > row.cursor))
        seq = row.cursor + 1
        new = SnapshotRow(
            draft_id=draft_id, seq=seq, design=document.json, sha=document.sha, label=label[:200]
        )
        session.add(new)
        session.execute(history.where(col(SnapshotRow.seq) < seq - HISTORY))
        _show(row, new, document.name)
        session.flush()
        return _public(session, row)


def undo(db: Database, draft_id: str, expected_revision: int) -> Draft | Conflict:
    """Show the state before the last edit; at the beginning of the history nothing changes."""
    return _step(db, draft_id, expected_revision, -1)


def redo(db: Database, draft_id: str, expected_revision: int) -> Draft | Conflict:
    """Show the state after the edit that was undone last; with none undone nothing changes."""
    return _step(db, draft_id, expected_revision, +1)


def prune(db: Database, draft_id: str, keep: int = KEPT) -> None:
    """Forget all but the last `keep` steps before the present state. For a session that opens the draft."""
    with db.write() as session:
        row = _row(session, draft_id)
        old = delete(SnapshotRow).where(col(SnapshotRow.draft_id) == draft_id)
        session.execute(old.where(col(SnapshotRow.seq) < row.cursor - keep))


def remove(db: Database, draft_id: str) -> None:
    """Delete a draft and its history. Its named versions stay; a missing draft is no error."""
    with db.write() as session:
        session.execute(delete(DraftRow).where(col(DraftRow.id) == draft_id))


def keep_version(db: Database, name: str, document: Document, draft_id: str | None = None) -> Version:
    """Keep a design under a name."""
    with db.write() as session:
        row = VersionRow(
            id=new_id(name),
            draft_id=draft_id,
            name=name,
            design=document.json,
            sha=document.sha,
            created_at=time.time(),
        )
        session.add(row)
        session.flush()
        return Version.model_validate(row)


def versions(db: Database, draft_id: str | None = None) -> tuple[Version, ...]:
    """Named versions, of one draft or of all, newest first."""
    query = select(VersionRow).order_by(col(VersionRow.created_at).desc(), col(VersionRow.id))
    if draft_id is not None:
        query = query.where(VersionRow.draft_id == draft_id)
    with db.read() as session:
        return tuple(Version.model_validate(row) for row in session.exec(query))


def version(db: Database, version_id: str) -> Version:
    """A named version. Raises NotFoundError."""
    with db.read() as session:
        if (row := session.get(VersionRow, version_id)) is None:
            raise NotFoundError(
                "This version was deleted in another tab. To fix this, choose another version."
            )
        return Version.model_validate(row)


def remove_version(db: Database, version_id: str) -> None:
    """Delete a named version; a missing one is no error."""
    with db.write() as session:
        session.execute(delete(VersionRow).where(col(VersionRow.id) == version_id))


def _new(session: Session, document: Document) -> Draft:
    now = time.time()
    row = DraftRow(
        id=new_id(document.name),
        name=document.name,
        design=document.json,
        sha=document.sha,
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    session.flush()
    session.add(SnapshotRow(draft_id=row.id, seq=0, design=document.json, sha=document.sha))
    return _public(session, row)


def _step(db: Database, draft_id: str, expected_revision: int, by: int) -> Draft | Conflict:
    with db.write() as session:
        row = _row(session, draft_id)
        if row.revision != expected_revision:
            return Conflict(_public(session, row))
        if target := session.get(SnapshotRow, (draft_id, row.cursor + by)):
            _show(row, target, row.name)
            session.flush()
        return _public(session, row)


def _show(row: DraftRow, snapshot: SnapshotRow, name: str) -> None:
    row.cursor, row.design, row.sha, row.name = snapshot.seq, snapshot.design, snapshot.sha, name
    row.revision += 1
    row.updated_at = time.time()


def _row(session: Session, draft_id: str) -> DraftRow:
    if (row := session.get(DraftRow, draft_id)) is None:
        raise NotFoundError(
            f"There is no design {draft_id!r} in this studio: it was deleted, or the link is from another "
            "one. To fix this, open a design from the list."
        )
    return row


def _public(session: Session, row: DraftRow) -> Draft:
    near = select(SnapshotRow.seq, SnapshotRow.label).where(SnapshotRow.draft_id == row.id)
    near = near.where(col(SnapshotRow.seq).in_((row.cursor, row.cursor + 1)))
    labels: dict[int, str] = dict(session.exec(near).all())
    first = session.exec(select(func.min(SnapshotRow.seq)).where(SnapshotRow.draft_id == row.id)).one()
    undo_label = labels[row.cursor] if row.cursor > first else None
    return Draft.model_validate(row).model_copy(
        update={"undo": undo_label, "redo": labels.get(row.cursor + 1)}
    )
