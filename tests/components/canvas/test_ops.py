"""Acts of the hand are done once and in order, and nonsense is passed over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.canvas.ops import Acked, unseen


def outbox(*ops, client="a"):
    return {"client": client, "ops": list(ops)}


def test_an_act_is_done_once():
    box = outbox({"seq": 1, "type": "select", "target": "/task"}, {"seq": 2, "type": "undo"})
    first = list(unseen(box, Acked()))
    assert [op.type for op, _ in first] == ["select", "undo"]
    assert list(unseen(box, first[-1][1])) == []
    assert [op.type for op, _ in unseen(box, first[0][1])] == ["undo"]


def test_a_reloaded_page_counts_anew():
    assert [op.type for op, _ in unseen(outbox({"seq": 1, "type": "redo"}, client="b"), Acked("a", 40))] == [
        "redo"
    ]


def test_an_edit_is_parsed():
    raw = {"seq": 1, "type": "edit", "edit": {"kind": "set", "path": "/width", "value": 64}}
    ((op, _),) = unseen(outbox(raw), Acked())
    assert op.edit.path == "/width"


@pytest.mark.parametrize(
    "raw",
    [
        {"seq": 1, "type": "format the disk"},
        {"seq": "1", "type": "undo"},
        {"type": "undo"},
        {"seq": 1, "type": "edit", "edit": {"kind": "nothing"}},
        {"seq": 1, "type": "edit"},
        7,
    ],
    ids=str,
)
def test_nonsense_does_nothing(raw):
    assert [op.type for op, _ in unseen(outbox(raw), Acked())] in ([], ["nothing"])


def test_an_act_that_cannot_be_read_is_acknowledged_so_that_the_next_ones_go_on():
    raw = outbox({"seq": 1, "type": "format the disk"}, {"seq": 2, "type": "undo"})
    assert [(op.type, acked.seq) for op, acked in unseen(raw, Acked())] == [("nothing", 1), ("undo", 2)]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_nothing_that_is_no_outbox_does_anything(value):
    assert list(unseen(value, Acked())) == []
    assert list(unseen({"client": value, "ops": [value]}, Acked())) == []
