"""The open design: acts save themselves, undo goes back, and of two tabs neither loses its work."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from app.composer.desk import Desk, document, read
from app.composer.pasting import Pasted, pasted
from components.canvas.ops import MOST_TEXT, Acked, Op
from core.design.edit import SetValue
from core.design.presets.registry import preset
from storage import database, drafts
from storage.errors import NotFoundError

MOE = "/stacks/0/layers/0/pattern/0/parts/1"
LAYERS = "/stacks/0/layers"
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
        ('{"model_type": "mixtral", "\\ud800": 1}', "half a character"),
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
    assert found.notes[0].endswith("1 key is not understood and was kept aside: new_trick.")
    assert "is no family known here" in pasted('{"model_type": "nobody"}')


def do(db, desk, *ops):
    for op in ops:
        desk.act(db, op, Acked("tab", desk.acked.seq + 1))


def depth_and_kinds(desk):
    return desk.design.depth, [placed.part.body.kind for placed in desk.design.parts()]


def test_a_model_is_built_from_a_blank_canvas_by_keys_and_undone_to_it(db, desk):
    do(db, desk, Op("start", what="blank"))
    blank = desk.design
    do(db, desk, Op("add", what="attention"), Op("add", what="dense"), Op("add", what="layer"))
    do(db, desk, *[Op("repeat", by=1)] * 4, Op("add", what="shared_expert"), Op("method", what="deepseek-v3"))
    assert depth_and_kinds(desk) == (6, ["attention", "dense", "attention", "moe"])
    assert desk.selected == "/stacks/0/layers/1/pattern/0/parts/1"
    assert desk.selected in desk.opened
    while desk.draft.undo is not None:
        desk.undo(db)
    assert desk.design == blank


def test_copies_go_into_another_design(db, desk):
    do(db, desk, Op("copy", targets=("/stacks/0/layers/0",)))
    assert desk.said == "Copied 1 repeat."
    do(db, desk, Op("start", what="blank"), Op("paste"))
    assert desk.design.stacks[0].layers == preset("starter").stacks[0].layers
    assert desk.last == "Paste 1 repeat"
    do(db, desk, Op("cut", targets=(f"{LAYERS}/0",)))
    assert (desk.design.depth, desk.clip.kind, desk.last) == (0, "repeats", "Cut layers 1–3")


def test_what_cannot_be_done_is_said_and_leaves_the_clip(db, desk):
    do(db, desk, Op("paste"))
    assert "Nothing was copied yet" in desk.message
    do(db, desk, Op("copy", targets=(MOE,)), Op("cut", target="/task"))
    assert (desk.clip.kind, desk.message[:9]) == ("parts", "The ends ")
    assert desk.draft.undo is None
    do(db, desk, Op("start", what="nobody"))
    assert "No preset is named 'nobody'" in desk.message


def test_text_that_is_dropped_opens_as_a_new_design(db, desk):
    first = desk.draft.id
    do(db, desk, Op("open", text=preset("tabular").model_dump_json()), Op("heat", what="flops"))
    assert (desk.design, desk.heat) == (preset("tabular"), "flops")
    assert desk.draft.id != first
    do(db, desk, Op("open", text='{"model_type": "mixtral", "num_hidden_layers": 2}'))
    assert desk.message
    assert desk.design.depth == 2
    do(db, desk, Op("open", text="{"))
    assert "This is not a design" in desk.message
    do(db, desk, Op("open", text="[" * (MOST_TEXT + 1)))
    assert "million characters" in desk.message


def test_open_layers_stay_open_where_they_go(db, desk):
    do(db, desk, Op("add", what="layer"), Op("add", what="layer"))
    opened = {"/stacks/0/layers/0", "/stacks/0/layers/1", "/stacks/0/layers/2"}
    assert desk.opened == {f"{repeat}/pattern/0/parts/1" for repeat in opened}
    do(db, desk, Op("fold", target=f"{LAYERS}/0/pattern/0/parts/1"))
    do(db, desk, Op("put", targets=(f"{LAYERS}/0",), place=f"{LAYERS}/3"))
    assert desk.opened == {f"{LAYERS}/{n}/pattern/0/parts/1" for n in (0, 1)}
    do(db, desk, Op("delete", targets=(f"{LAYERS}/0",)))
    assert desk.opened == {f"{LAYERS}/0/pattern/0/parts/1"}


def test_an_edit_is_said_with_the_new_total(db, desk):
    do(db, desk, Op("resize", target=f"{MOE}/body/experts/0", number=7, width=896, alone=True))
    assert desk.last == "Expert 7: width 128 → 896"
    assert desk.said == "Expert 7: width 896. Total 1.1\xa0M, up 67.3\xa0%."
    do(db, desk, Op("resize", target=f"{MOE}/body/experts/1", number=7, width=10**9, alone=True))
    assert desk.message == desk.said == "A hidden width is 1 to 1000000 units, so it is 1000000."


def test_more_than_a_hundred_steps_are_undone_in_a_session_and_a_hundred_in_the_next(db, desk):
    for n in range(120):
        do(db, desk, Op("count", target=f"{MOE}/body/experts/0", by=1))
        assert experts(desk) == 9 + n
    other = Desk()
    for session, least in ((desk, 8), (other, 28)):
        session.open(db, desk.draft.id)
        while session.draft.undo is not None:
            session.undo(db)
        assert experts(session) == least
        while session.draft.redo is not None:
            session.redo(db)
        assert experts(session) == 128
