"""What is added goes where it belongs, is like the design's own, and brings no error in."""

from __future__ import annotations

import pytest

from core.design.compose.parts import NAMES, NO_MOE, add, moe_at
from core.design.compose.sketch import Done, part_at
from core.design.pointer import get
from core.design.presets.registry import names, preset
from core.design.rules import check, errors
from core.design.spec import Design
from tests.core.design.compose.shapes import after, design, groups, moe, r, routed, shape
from tests.core.design.test_blank import TASKS, blank

E = f"{r(0, 0, 0)}/body/experts"
S = f"{r(0, 0, 0)}/body/shared"
FULL = ((3, "a1 d9"),)


def added(start: Design, what: str, target: str = "", place: str = "") -> tuple[Design, str]:
    done = add(start, what, target, place)
    made = after(start, done)
    assert isinstance(done, Done)
    assert get(made.model_dump(mode="json"), done.select) is not None
    return made, done.select


@pytest.mark.parametrize(
    ("start", "what", "target", "made", "select"),
    [
        # An FFN joins the mixer that has none; what is full is followed by a layer of its own.
        (((1, "a1"),), "dense", r(0, 0, 0), [(1, "a1 d64")], r(0, 0, 1)),
        (((1, "a1 a2"),), "moe", r(0, 0, 0), [(1, "a1 m32 a2")], r(0, 0, 1)),
        (((1, "a1 a2"),), "dense", "", [(1, "a1 a2 d64")], r(0, 0, 2)),
        (FULL, "dense", r(0, 0, 0), [(3, "a1 d9"), (1, "d9")], r(1, 0, 0)),
        (FULL, "moe", r(0, 0, 1), [(3, "a1 d9"), (1, "m32")], r(1, 0, 0)),
        (FULL, "attention", r(0, 0, 1), [(3, "a1 d9"), (1, "a1")], r(1, 0, 0)),
        (FULL, "attention", r(0), [(3, "a1 d9"), (1, "a1")], r(1, 0, 0)),
        (((1, "d9"),), "attention", r(0, 0, 0), [(1, "d9 aNone")], r(0, 0, 1)),
        (((1, "a1"), (1, "d9")), "layer", r(0, 0, 0), [(1, "a1"), (1, "a1 m32"), (1, "d9")], r(1, 0, 1)),
        (((2, "a1 d9", "a2 d9"),), "layer", r(0, 0, 0), [(2, "a1 d9", "a2 d9"), (1, "a1 m32")], r(1, 0, 1)),
        # Below the input is the top.
        (FULL, "attention", "/task", [(1, "a1"), (3, "a1 d9")], r(0, 0, 0)),
        (FULL, "attention", "/embedding", [(3, "a1 d9"), (1, "a1")], r(1, 0, 0)),
    ],
)
def test_without_a_place(start, what, target, made, select):
    result, chosen = added(design(*start), what, target)
    assert (shape(result), chosen) == (made, select)


@pytest.mark.parametrize(
    ("what", "place", "made", "select"),
    [
        ("dense", r(0, 0, 0), [(2, "d9 a1 d9", "a2")], r(0, 0, 0)),
        ("attention", r(0, 1, 1), [(2, "a1 d9", "a2 a1")], r(0, 1, 1)),
        ("attention", r(0, 1), [(2, "a1 d9", "a1", "a2")], r(0, 1, 0)),
        ("attention", r(0), [(1, "a1"), (2, "a1 d9", "a2")], r(0, 0, 0)),
        ("layer", r(1), [(2, "a1 d9", "a2"), (1, "a1 m32")], r(1, 0, 1)),
        ("layer", r(0, 1), [(2, "a1 d9", "a1 m32", "a2")], r(0, 1, 1)),
        ("layer", r(0, 0, 2), [(2, "a1 d9 a1 m32", "a2")], r(0, 0, 3)),
    ],
)
def test_at_a_place(what, place, made, select):
    result, chosen = added(design((2, "a1 d9", "a2")), what, place=place)
    assert (shape(result), chosen) == (made, select)


@pytest.mark.parametrize("what", ["attention", "dense", "moe", "layer"])
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task["kind"])
def test_into_a_blank_design(task, what):
    for place in ("", "/stacks/0/layers/0"):
        made, select = added(blank(task, width=6), what, place=place)
        assert check(made, stage="cost") == ()
        assert select == r(0, 0, 1 if what == "layer" else 0)
        assert made.depth == 1


@pytest.mark.parametrize("what", ["expert_group", "shared_expert"])
def test_experts_need_a_layer(what):
    assert add(blank(TASKS[0]), what) == NO_MOE
    assert add(design(*FULL), what, r(0, 0, 0)) == NO_MOE


def test_experts_go_after_the_chosen_ones_and_are_like_them():
    start = routed(moe((2, 8), (3, 4), shared=((1, 6),)))
    made, select = added(start, "expert_group", f"{E}/0")
    assert (groups(made), select) == ([(2, 8), (1, 8), (3, 4)], f"{E}/1")
    made, select = added(start, "expert_group", r(0, 0, 0))
    assert (groups(made), select) == ([(2, 8), (3, 4), (1, 4)], f"{E}/2")
    made, select = added(start, "expert_group", place=f"{E}/0")
    assert (groups(made), select) == ([(1, 8), (2, 8), (3, 4)], f"{E}/0")
    made, select = added(start, "shared_expert", f"{E}/0")
    assert (groups(made, "shared"), select) == ([(1, 6), (1, 6)], f"{S}/1")
    made, select = added(routed(moe((2, 8))), "shared_expert")
    assert (groups(made, "shared"), select) == ([(1, 8)], f"{S}/0")


def test_as_many_experts_as_keep_the_islands_equal():
    made, _ = added(routed({**moe((6, 8)), "islands": 3}), "expert_group")
    assert groups(made) == [(6, 8), (3, 8)]


def test_the_nearest_layer_above_gets_the_experts():
    start = design((1, "a1 m8"), (1, "a2 d8"), (1, "m9"))
    assert moe_at(start, r(1, 0, 0)) == r(0, 0, 1)
    assert moe_at(start, r(0, 0, 0)) == r(0, 0, 1)
    assert moe_at(start, "") == r(2, 0, 0)


@pytest.mark.parametrize("what", sorted(NAMES))
@pytest.mark.parametrize("name", names())
def test_an_addition_to_a_preset_brings_no_error(name, what):
    start = preset(name)
    if what in ("expert_group", "shared_expert") and moe_at(start, "") is None:
        assert add(start, what) == NO_MOE
        return
    parts = [placed.pointer for placed in start.parts()]
    for target in {"", *parts[:1], *parts[-1:]}:
        made, _ = added(start, what, target)
        assert {p.code for p in errors(check(made, stage="cost"))} <= {
            p.code for p in errors(check(start, stage="cost"))
        }


def test_a_part_that_is_wrong_is_not_taken_as_an_example():
    start = design((1, "a1"))
    document = start.model_dump(mode="json")
    get(document, f"{r(0, 0, 0)}/body")["heads"] = 3
    wrong = Design.model_validate(document)
    assert errors(check(wrong))
    made, _ = added(wrong, "attention", r(0, 0, 0))
    assert len(errors(check(made))) == len(errors(check(wrong)))


def test_nothing_of_that_name():
    assert add(design(*FULL), "warp drive") == (
        "Nothing is called 'warp drive' here. To fix this, choose a part from the palette."
    )
    assert add(design(*FULL), "dense", place=r(7)) == "Nothing stands here any more."


def test_part_at():
    start = design((1, "a1 m8"), (1, "a2 d8"))
    assert part_at(start, f"{r(0, 0, 1)}/body/router") == r(0, 0, 1)
    assert part_at(start, r(0)) == r(0, 0, 1)
    assert part_at(start, "/task") == r(1, 0, 1)
    assert part_at(blank(TASKS[0]), "/task") == ""
