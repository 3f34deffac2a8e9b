"""Several things at once are taken away, doubled and moved without an index shifting under another."""

from __future__ import annotations

import pytest

from core.design.compose.lists import delete, duplicate, move, put
from core.design.compose.sketch import Done
from core.design.presets.registry import preset
from core.design.spec import Design
from tests.core.design.compose.shapes import after, design, groups, moe, r, routed, shape

THREE = ((1, "a1 d1"), (2, "a2 d2"), (1, "a3 m3"))
PATTERN = ((2, "a1 d1", "a2 d2", "a3 d3"),)
OPEN = ((1, "a1 d1", "a2 d2", "a3 d3"),)
E = f"{r(0, 0, 0)}/body/experts"
S = f"{r(0, 0, 0)}/body/shared"


@pytest.mark.parametrize(
    ("start", "targets", "left", "select", "label"),
    [
        (THREE, [r(0, 0, 1)], [(1, "a1"), *THREE[1:]], r(0, 0, 0), "Remove dense FFN"),
        (THREE, [r(0), r(1), r(2)], [], "", "Remove 4 layers"),
        (THREE, [r(0), r(2)], [THREE[1]], r(0), "Remove 2 layers"),
        (THREE, [r(1)], [THREE[0], THREE[2]], r(1, 0, 0), "Remove layers 2–3"),
        (THREE, [r(0, 0, 0), r(0, 0, 1)], list(THREE[1:]), r(0), "Remove layer 1"),
        (THREE, [r(0, 0, 1), r(2, 0, 0)], [(1, "a1"), THREE[1], (1, "m3")], r(0, 0, 0), "Remove 2 parts"),
        (THREE, [r(1, 0, 0), r(1), r(1, 0)], [THREE[0], THREE[2]], r(1, 0, 0), "Remove layers 2–3"),
        (THREE, [r(2), "nonsense", r(9), r(2)], list(THREE[:2]), r(1), "Remove layer 4"),
        (PATTERN, [r(0, 0), r(0, 2)], [(2, "a2 d2")], r(0, 0, 0), "Remove 2 layers"),
        (OPEN, [r(0, 1, 0), r(0, 1, 1)], [(1, "a1 d1", "a3 d3")], r(0, 1, 0), "Remove layer 2"),
        (((1, "a1 a2 d3@1"),), [r(0, 0, 0)], [(1, "a2 d3@0")], r(0, 0, 0), "Remove attention"),
        (((1, "a1 a2 d3@1"),), [r(0, 0, 1)], [(1, "a1 d3")], r(0, 0, 1), "Remove attention"),
    ],
)
def test_delete(start, targets, left, select, label):
    done = delete(design(*start), targets)
    made = after(design(*start), done)
    assert shape(made) == left
    assert (done.edit.label, done.select) == (label, select)


@pytest.mark.parametrize(
    ("start", "targets", "left", "select"),
    [
        (moe((2, 8), (3, 4)), [f"{E}/0"], [(3, 4)], f"{E}/0"),
        (moe((2, 8), (3, 4), (1, 2)), [f"{E}/0", f"{E}/2"], [(3, 4)], f"{E}/0"),
        (moe((2, 8), (3, 4)), [f"{E}/1", f"{S}/0"], [(2, 8)], f"{E}/0"),
    ],
)
def test_delete_experts(start, targets, left, select):
    done = delete(routed(start), targets)
    assert (groups(after(routed(start), done)), done.select) == (left, select)


def test_the_last_routed_experts_take_their_layer_along_and_shared_ones_do_not():
    start = routed(moe((2, 8), shared=((1, 4),)))
    assert shape(after(start, delete(start, [f"{E}/0"]))) == []
    alone = delete(start, [f"{S}/0"])
    assert (groups(after(start, alone), "shared"), alone.select) == ([], r(0, 0, 0))


@pytest.mark.parametrize("targets", [[], [""], ["/task"], ["/embedding"], ["/stacks/0"], ["/task/heads"]])
def test_the_ends_of_a_design_stay(targets):
    assert "ends of a design" in delete(design(*THREE), targets)
    assert "ends of a design" in duplicate(design(*THREE), targets)


def test_what_is_gone_is_said():
    assert delete(design(*THREE), [r(7)]) == "Nothing stands here any more."


@pytest.mark.parametrize(
    ("start", "targets", "made", "select"),
    [
        (THREE, [r(0, 0, 1)], [(1, "a1 d1 d1"), *THREE[1:]], r(0, 0, 2)),
        (THREE, [r(0), r(2)], [*THREE, THREE[0], THREE[2]], r(3, 0, 0)),
        (THREE, [r(1)], [THREE[0], THREE[1], THREE[1], THREE[2]], r(2)),
        (THREE, [r(0, 0, 0), r(0, 0, 1)], [THREE[0], *THREE], r(1, 0, 0)),
        (PATTERN, [r(0, 0)], [(2, "a1 d1", "a1 d1", "a2 d2", "a3 d3")], r(0, 1, 0)),
        (((1, "a1 d2@0 d3"),), [r(0, 0, 1)], [(1, "a1 d2@0 d2@0 d3")], r(0, 0, 2)),
    ],
)
def test_duplicate(start, targets, made, select):
    done = duplicate(design(*start), targets)
    assert (shape(after(design(*start), done)), done.select) == (made, select)


@pytest.mark.parametrize(
    ("start", "targets", "by", "made", "select"),
    [
        # A part takes its layer along, and a lone layer passes a whole repeat.
        (THREE, [r(0, 0, 1)], 1, [THREE[1], THREE[0], THREE[2]], r(1, 0, 1)),
        (THREE, [r(2, 0, 0)], -1, [THREE[0], THREE[2], THREE[1]], r(1, 0, 0)),
        (THREE, [r(1)], -1, [THREE[1], THREE[0], THREE[2]], r(0)),
        (THREE, [r(1, 0, 0)], -1, [THREE[1], THREE[0], THREE[2]], r(0, 0, 0)),
        (THREE, [r(0, 0, 0), r(1, 0, 1)], 1, [THREE[2], THREE[0], THREE[1]], r(1, 0, 0)),
        (PATTERN, [r(0, 1, 0)], 1, [(2, "a1 d1", "a3 d3", "a2 d2")], r(0, 2, 0)),
        # At the end of a pattern that turns once, it leaves it.
        (OPEN, [r(0, 2, 1)], 1, [(1, "a1 d1", "a2 d2"), (1, "a3 d3")], r(1, 0, 1)),
        (OPEN, [r(0, 0, 1)], -1, [(1, "a1 d1"), (1, "a2 d2", "a3 d3")], r(0, 0, 1)),
    ],
)
def test_move(start, targets, by, made, select):
    done = move(design(*start), targets, by)
    assert (shape(after(design(*start), done)), done.select) == (made, select)


def test_move_experts():
    start = routed(moe((1, 2), (2, 4), (3, 8)))
    done = move(start, [f"{E}/2"], -1)
    assert (groups(after(start, done)), done.select) == ([(1, 2), (3, 8), (2, 4)], f"{E}/1")
    assert move(start, [f"{E}/0"], -1) == "This is the first of its list already."


def test_a_layer_stays_in_a_pattern_that_turns():
    assert "turns 2 times" in move(design(*PATTERN), [r(0, 2, 0)], 1)
    assert move(design(*THREE), [r(0)], -1) == "This is the first layer already."
    assert move(design(*THREE), [r(2, 0, 1)], 1) == "This is the last layer already."


@pytest.mark.parametrize(
    ("start", "targets", "place", "made", "select", "label"),
    [
        # Within a list, forwards and backwards: the place is that before the act.
        (THREE, [r(0)], r(3), [THREE[1], THREE[2], THREE[0]], r(2, 0, 0), "Move layer 1 to layer 4"),
        (THREE, [r(2)], r(0), [THREE[2], THREE[0], THREE[1]], r(0, 0, 0), "Move layer 4 to layer 1"),
        (THREE, [r(0), r(2)], r(2), [THREE[1], THREE[0], THREE[2]], r(1, 0, 0), "Move 2 layers to layer 3"),
        # Between layers a part is a layer of its own; its emptied layer goes.
        (THREE, [r(0, 0, 0)], r(1), [(1, "d1"), (1, "a1"), *THREE[1:]], r(1, 0, 0), None),
        (((1, "a1"), (1, "d2")), [r(1, 0, 0)], r(0, 0, 1), [(1, "a1 d2")], r(0, 0, 1), None),
        (THREE, [r(2, 0, 1)], r(0, 0, 1), [(1, "a1 m3 d1"), THREE[1], (1, "a3")], r(0, 0, 1), None),
        (
            THREE,
            [r(0, 0, 1), r(2, 0, 1)],
            r(1),
            [(1, "a1"), (1, "d1"), (1, "m3"), THREE[1], (1, "a3")],
            r(1, 0, 0),
            None,
        ),
        # Parts of one layer stay together; a whole layer is a layer.
        (THREE, [r(0, 0, 0), r(0, 0, 1)], r(2), [THREE[1], THREE[0], THREE[2]], r(1, 0, 0), None),
        (PATTERN, [r(0, 0)], r(1), [(2, "a2 d2", "a3 d3"), (1, "a1 d1")], r(1, 0, 0), None),
        (PATTERN, [r(0, 2, 0)], r(0, 0), [(2, "a3", "a1 d1", "a2 d2", "d3")], r(0, 0, 0), None),
        (THREE, [r(0)], r(1, 0), [(2, "a1 d1", "a2 d2"), THREE[2]], r(0, 0, 0), None),
        (THREE, [r(2)], r(1, 0, 1), [THREE[0], (2, "a2 a3 m3 d2")], r(1, 0, 1), None),
        (((1, "a1 a2 d3@1"),), [r(0, 0, 2)], r(1), [(1, "a1 a2"), (1, "d3")], r(1, 0, 0), None),
        (((1, "a1 a2 d3@1 d4"),), [r(0, 0, 0)], r(0, 0, 4), [(1, "a2 d3@0 d4 a1")], r(0, 0, 3), None),
    ],
)
def test_put(start, targets, place, made, select, label):
    done = put(design(*start), targets, place)
    assert (shape(after(design(*start), done)), done.select) == (made, select)
    if label:
        assert done.edit.label == label


@pytest.mark.parametrize(
    ("targets", "place"),
    [
        ([r(1)], r(1)),
        ([r(1)], r(2)),
        ([r(1)], r(1, 0)),
        ([r(1)], r(1, 0, 1)),
        ([r(0, 0, 0)], r(0, 0, 1)),
        ([r(0), r(1)], r(1)),
    ],
)
def test_putting_something_where_it_is_or_into_itself_is_no_step(targets, place):
    done = put(design(*THREE), targets, place)
    assert done.edit is None


@pytest.mark.parametrize(
    ("targets", "place", "said"),
    [
        ([r(1)], r(0, 0), "cannot stand inside another one"),
        ([r(1)], r(0, 0, 0), "cannot stand inside a layer"),
        ([r(0)], r(9), "Nothing stands here"),
        ([r(0)], "/task/context", "Nothing stands here"),
        ([f"{r(2, 0, 1)}/body/experts/0"], r(0), "Experts belong into an MoE layer"),
        ([r(0, 0, 0)], f"{r(2, 0, 1)}/body/experts/0", "Only experts can stand here"),
        (
            [f"{r(2, 0, 1)}/body/experts/0"],
            f"{r(2, 0, 1)}/body/shared/0",
            "keeps one group of routed experts",
        ),
    ],
)
def test_what_does_not_fit_is_said(targets, place, said):
    assert said in put(design(*THREE), targets, place)


def test_experts_are_put_in_order_and_shared():
    start = routed(moe((1, 2), (2, 4), (3, 8)))
    assert groups(after(start, put(start, [f"{E}/0"], f"{E}/3"))) == [(2, 4), (3, 8), (1, 2)]
    made = after(start, put(start, [f"{E}/1"], f"{S}/0"))
    assert (groups(made), groups(made, "shared")) == ([(1, 2), (3, 8)], [(2, 4)])


def test_a_layer_that_is_full_says_so():
    start = design((1, " ".join(["d1"] * 16)), (1, "a1"))
    assert put(start, [r(1, 0, 0)], r(0, 0, 0)) == "A layer holds 16 parts at most."
    assert duplicate(start, [r(0, 0, 3)]) == "A layer holds 16 parts at most."


def test_parts_are_followed_to_where_they_stand_now():
    done = put(design(*THREE), [r(0)], r(3))
    assert done.moved[r(0, 0, 1)] == r(2, 0, 1)
    assert done.moved[r(2, 0, 1)] == r(1, 0, 1)


def test_a_part_is_called_as_in_a_difference():
    document = preset("starter").model_dump(mode="json")
    document["stacks"][0]["layers"][0]["pattern"][0]["parts"][0]["body"] = {"kind": "mamba2", "heads": 4}
    done = delete(Design.model_validate(document), [r(0, 0, 0)])
    assert isinstance(done, Done)
    assert done.edit is not None
    assert done.edit.label == "Remove Mamba-2"
