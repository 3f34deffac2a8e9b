import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import database, drafts
from storage.database import Database
from storage.drafts import Conflict, Document
from storage.errors import NotFoundError
from storage.records import Draft


def document(text: str) -> Document:
    return Document(name=f"design {text}", json=f'{{"n":"{text}"}}', sha=text * 2)


def saved(result: Draft | Conflict) -> Draft:
    assert isinstance(result, Draft)
    return result


def test_the_second_to_save_learns_what_the_first_stored(db: Database) -> None:
    draft = drafts.create(db, document("a"))
    first = saved(drafts.save(db, draft.id, draft.revision, document("b"), "set b"))
    lost = drafts.save(db, draft.id, draft.revision, document("c"))
    assert lost == Conflict(first)
    assert drafts.get(db, draft.id) == first
    assert (first.design, first.name, first.undo, first.redo) == ('{"n":"b"}', "design b", "set b", None)


def test_saving_the_same_again_is_no_edit(db: Database) -> None:
    draft = drafts.create(db, document("a"))
    assert drafts.save(db, draft.id, draft.revision, document("a")) == draft


def test_undo_survives_a_new_start_of_the_studio(db: Database) -> None:
    draft = drafts.create(db, document("a"))
    draft = saved(drafts.save(db, draft.id, draft.revision, document("b"), "set b"))
    db.close()
    reopened = database.open(db.root)
    back = saved(drafts.undo(reopened, draft.id, draft.revision))
    assert (back.design, back.undo, back.redo) == ('{"n":"a"}', None, "set b")
    assert back.revision == draft.revision + 1


@pytest.mark.parametrize(("opened_again", "steps", "start"), [(False, 130, "0"), (True, drafts.KEPT, "30")])
def test_all_steps_of_a_session_are_kept_and_a_hundred_after_it(
    db: Database, opened_again: bool, steps: int, start: str
) -> None:
    draft = drafts.create(db, document("0"))
    for n in range(1, 131):
        draft = saved(drafts.save(db, draft.id, draft.revision, document(str(n)), f"edit {n}"))
    if opened_again:
        drafts.prune(db, draft.id)
    undone = 0
    while draft.undo is not None:
        draft = saved(drafts.undo(db, draft.id, draft.revision))
        undone += 1
    assert (undone, draft.design) == (steps, f'{{"n":"{start}"}}')
    if opened_again:
        drafts.prune(db, draft.id)
        assert drafts.get(db, draft.id).redo == "edit 31"


def test_a_history_has_an_end(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "HISTORY", 3)
    draft = drafts.create(db, document("0"))
    for n in range(1, 8):
        draft = saved(drafts.save(db, draft.id, draft.revision, document(str(n))))
    for _ in range(5):
        draft = saved(drafts.undo(db, draft.id, draft.revision))
    assert draft.design == '{"n":"4"}'


@given(steps=st.lists(st.one_of(st.sampled_from(["undo", "redo"]), st.integers(0, 9).map(str)), max_size=25))
@settings(max_examples=25)
def test_history_is_that_of_a_list_with_a_cursor(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    db = database.open(tmp_path_factory.getbasetemp() / "history")
    draft = drafts.create(db, document("start"))
    states, cursor = [draft.design], 0
    for step in steps:
        if step == "undo":
            draft = saved(drafts.undo(db, draft.id, draft.revision))
            cursor = max(cursor - 1, 0)
        elif step == "redo":
            draft = saved(drafts.redo(db, draft.id, draft.revision))
            cursor = min(cursor + 1, len(states) - 1)
        elif document(step).json != states[cursor]:
            draft = saved(drafts.save(db, draft.id, draft.revision, document(step), step))
            states, cursor = [*states[: cursor + 1], draft.design], cursor + 1
        assert draft == drafts.get(db, draft.id)
        assert draft.design == states[cursor]
        assert (draft.undo is None, draft.redo is None) == (cursor == 0, cursor == len(states) - 1)


def test_a_version_outlives_its_draft(db: Database) -> None:
    draft = drafts.create(db, document("a"))
    kept = drafts.keep_version(db, "before the surgery", document("a"), draft.id)
    assert drafts.versions(db, draft.id) == (kept,)
    drafts.remove(db, draft.id)
    drafts.remove(db, draft.id)
    assert drafts.versions(db) == (kept.model_copy(update={"draft_id": None}),)
    drafts.remove_version(db, kept.id)
    assert drafts.versions(db) == ()
    with pytest.raises(NotFoundError, match=rf"no design '{draft.id}'.*To fix this"):
        drafts.get(db, draft.id)


def test_the_last_edited_comes_first(db: Database) -> None:
    old, new = drafts.create(db, document("a")), drafts.create(db, document("b"))
    assert [draft.id for draft in drafts.listing(db)] == [new.id, old.id]
    drafts.save(db, old.id, old.revision, document("c"))
    assert [draft.id for draft in drafts.listing(db)] == [old.id, new.id]
