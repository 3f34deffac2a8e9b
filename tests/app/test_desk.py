"""The open design: acts save themselves, undo goes back, and of two tabs neither loses its work."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from app.composer.desk import Desk, document, read
from app.composer.pasting import Pasted, pasted
from components.canvas.ops import Acked, Op
from core.design.edit import SetValue
from core.design.presets.registry import preset
from storage import database, drafts
from storage.errors import NotFoundError

MOE = "/stacks/0/layers/0/pattern/0/parts/1"
COUNT = f"{MOE}/body/experts/0/count"


@pytest.fixture
def db(tmp_path):
    opened = database.open(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def desk(db):
    desk = Desk()
    desk.open(db, drafts.create(db, document(preset("starter"))).id)
    return desk


def experts(desk: Desk) -> int:
    return desk.design.stacks[0].layers[0].pattern[0].parts[1].body.count


def widen(value: int = 16) -> SetValue:
    return SetValue(path=COUNT, value=value, label=f"Experts → {value}")


def test_an_edit_is_saved_and_undone_and_redone(db, desk):
    assert desk.edit(db, widen())
    assert read(drafts.get(db, desk.draft.id).design).stacks[0].layers[0].pattern[0].parts[1].body.count == 16
    assert (desk.last, desk.before.sha) == ("Experts → 16", preset("starter").sha)
    desk.undo(db)
    assert (experts(desk), desk.last, desk.draft.redo) == (8, "Undid: Experts → 16", "Experts → 16")
    desk.redo(db)
    assert experts(desk) == 16


def test_after_a_lost_race_no_act_drops_the_unsaved_version(db, desk):
    other = Desk()
    other.open(db, desk.draft.id)
    desk.edit(db, widen())
    assert not other.edit(db, SetValue(path="/norm/kind", value="layer"))
    other.open(db, desk.draft.id)
    for act in (
        lambda: other.edit(db, SetValue(path="/embedding/tied", value=True)),
        lambda: other.undo(db),
        lambda: other.redo(db),
        lambda: other.replace(db, preset("tabular"), ""),
    ):
        act()
        assert read(other.lost.json).norm.kind == "layer"
        assert "Choose first" in other.message
    assert drafts.get(db, desk.draft.id).revision == desk.draft.revision
    branch = other.branch(db)
    assert read(branch.design).norm.kind == "layer"
    assert other.edit(db, SetValue(path="/embedding/tied", value=True))


def test_a_number_that_python_will_not_read_is_named():
    assert "thousands of digits" in pasted('{"width": ' + "1" * 5000 + "}")


def test_history_survives_a_new_session(db, desk):
    desk.edit(db, widen())
    other = Desk()
    other.open(db, desk.draft.id)
    other.undo(db)
    assert experts(other) == 8


def test_an_edit_that_cannot_be_changes_nothing_and_says_why(db, desk):
    assert not desk.edit(db, SetValue(path=COUNT, value=0))
    assert "Nothing was changed" in desk.message
    assert experts(desk) == 8
    assert drafts.get(db, desk.draft.id).revision == desk.draft.revision


def test_the_slower_tab_may_take_theirs_or_keep_its_own(db, desk):
    other = Desk()
    other.open(db, desk.draft.id)
    desk.edit(db, widen(16))
    assert not other.edit(db, widen(32))
    assert (experts(other), other.lost is not None) == (8, True)
    branch = other.branch(db)
    assert read(branch.design).stacks[0].layers[0].pattern[0].parts[1].body.count == 32
    assert branch.name == "Starter (branch)"
    other.edit(db, widen(64))
    other.take_theirs(db)
    assert (experts(other), other.lost) == (16, None)


def test_opening_another_design_keeps_what_was_not_saved_as_a_branch(db, desk):
    other = Desk()
    other.open(db, desk.draft.id)
    desk.edit(db, widen(16))
    assert not other.edit(db, widen(32))
    other.open(db, drafts.create(db, document(preset("dense-twin"))).id)
    assert (other.lost, other.design.name) == (None, preset("dense-twin").name)
    assert "kept as a design of its own: Starter (branch)" in other.message
    branch = next(draft for draft in drafts.listing(db) if draft.name == "Starter (branch)")
    assert read(branch.design).stacks[0].layers[0].pattern[0].parts[1].body.count == 32


def test_acts_on_a_draft_deleted_meanwhile_say_so(db, desk):
    other = Desk()
    other.open(db, desk.draft.id)
    desk.edit(db, widen(16))
    assert not other.edit(db, widen(32))
    drafts.remove(db, desk.draft.id)
    other.take_theirs(db)
    assert "There is no" in other.message
    assert other.lost is not None
    for act in (desk.undo, desk.redo, lambda db: desk.edit(db, widen(24))):
        desk.message = ""
        act(db)
        assert "There is no" in desk.message
    assert (experts(desk), desk.lost) == (16, None)


def test_acts_of_the_drawing(db, desk):
    for n, op in enumerate(
        [
            Op("select", target=f"{MOE}/body/router"),
            Op("fold", target=MOE, open=False),
            Op("column", width=820),
            Op("column", width=1),
            Op("add", what="shared_expert"),
            Op("edit", edit=widen(12)),
            Op("undo"),
        ]
    ):
        desk.act(db, op, Acked("tab", n + 1))
    assert desk.acked == Acked("tab", 7)
    assert (experts(desk), desk.column) == (8, 820)
    assert desk.selected == f"{MOE}/body/shared/0"
    assert desk.opened == {MOE}


def test_overlapping_runs_do_each_act_once(db, desk):
    ops = [{"seq": n, "type": "add", "what": "expert_group"} for n in range(1, 13)]
    outboxes = [{"client": "tab", "ops": ops[:n]} for n in (4, 8, 12, 12)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda outbox: desk.take(db, outbox), outboxes))
    assert experts(desk) == 20


def test_a_selection_that_is_gone_falls_back_to_what_is_left(db, desk):
    desk.act(db, Op("add", what="shared_expert"), Acked("tab", 1))
    desk.act(db, Op("delete", target=desk.selected), Acked("tab", 2))
    assert desk.selected == MOE
    desk.act(db, Op("delete", target=MOE), Acked("tab", 3))
    assert desk.selected == "/stacks/0/layers/0/pattern/0/parts/0"
    assert desk.opened == set()


def test_deleting_ends_at_a_blank_canvas_and_undo_brings_all_back(db, desk):
    for n in range(3):
        desk.act(db, Op("delete", target="/stacks/0/layers/0/pattern/0/parts/0"), Acked("tab", n + 1))
    assert desk.message == "Nothing stands here any more."
    assert (desk.design.depth, desk.selected) == (0, "")
    for _ in range(2):
        desk.undo(db)
    assert desk.design == preset("starter")


def test_another_design_starts_a_fresh_view(db, desk):
    desk.edit(db, widen())
    desk.open(db, drafts.create(db, document(preset("dense-twin"))).id)
    assert (desk.last, desk.before, desk.selected, desk.opened) == ("", None, "", set())
    with pytest.raises(NotFoundError):
        desk.open(db, "nowhere")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "line 1"),
        ("[" * 5000, "nested too deeply"),
        ("{}", "wrong"),
        ('{"width": -1}', "wrong"),
        ("7", "wrong"),
    ],
)
def test_pasted_text_that_is_no_design(text, said):
    assert said in pasted(text)


def test_pasted_design():
    assert pasted(preset("starter").model_dump_json()) == Pasted(preset("starter"))


def test_a_pasted_config_of_a_published_model_is_a_design_with_notes():
    found = pasted('{"model_type": "mixtral", "num_hidden_layers": 2, "new_trick": 1}')
    assert (found.design.name, found.design.depth) == ("Mixtral", 2)
    assert "Keys that are not understood: new_trick." in found.notes
    assert "is no family known here" in pasted('{"model_type": "nobody"}')
