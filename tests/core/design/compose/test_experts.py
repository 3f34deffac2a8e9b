"""One expert changes and no other; groups grow and shrink by one."""

from __future__ import annotations

import pytest

from core.design.compose.experts import count, resize
from core.design.rules import check, errors
from tests.core.design.compose.shapes import after, design, groups, moe, r, routed

E = f"{r(0, 0, 0)}/body/experts"
S = f"{r(0, 0, 0)}/body/shared"


@pytest.mark.parametrize(
    ("start", "number", "width", "made", "select", "label"),
    [
        ([(6, 8)], 0, 16, [(1, 16), (5, 8)], 0, "Expert 0: width 8 → 16"),
        ([(6, 8)], 2, 16, [(2, 8), (1, 16), (3, 8)], 1, "Expert 2: width 8 → 16"),
        ([(6, 8)], 5, 16, [(5, 8), (1, 16)], 1, "Expert 5: width 8 → 16"),
        # Equal neighbours become one group again.
        ([(2, 8), (1, 16), (3, 8)], 2, 8, [(6, 8)], 0, "Expert 2: width 16 → 8"),
        ([(2, 8), (3, 16)], 2, 8, [(3, 8), (2, 16)], 0, "Expert 2: width 16 → 8"),
        ([(2, 8), (3, 16)], 1, 16, [(1, 8), (4, 16)], 1, "Expert 1: width 8 → 16"),
        ([(2, 8), (3, 16)], 4, 8, [(2, 8), (2, 16), (1, 8)], 2, "Expert 4: width 16 → 8"),
        # Groups that somebody else keeps apart stay apart.
        ([(1, 4), (1, 4), (2, 8)], 3, 16, [(1, 4), (1, 4), (1, 8), (1, 16)], 3, "Expert 3: width 8 → 16"),
    ],
)
def test_one_expert(start, number, width, made, select, label):
    design = routed(moe(*start))
    # The number decides, whichever group the browser still thinks it stands in.
    for stale in (0, 7):
        done = resize(design, f"{E}/{stale}", number, width, alone=True)
        assert (groups(after(design, done)), done.select) == (made, f"{E}/{select}")
        assert done.edit.label == label


def test_a_whole_group():
    start = routed(moe((2, 8), (3, 4)))
    done = resize(start, f"{E}/1", 3, 6, alone=False)
    assert (groups(after(start, done)), done.edit.label) == ([(2, 8), (3, 6)], "Experts 2–4: width 4 → 6")
    joined = resize(start, f"{E}/1", 3, 8, alone=False)
    assert groups(after(start, joined)) == [(5, 8)]


def test_shared_experts_and_a_dense_ffn():
    start = routed(moe((2, 8), shared=((2, 6),)))
    done = resize(start, f"{S}/0", 1, 12, alone=True)
    assert groups(after(start, done), "shared") == [(1, 6), (1, 12)]
    assert done.edit.label == "Shared expert 1: width 6 → 12"
    one = routed(moe((2, 8), shared=((1, 6),)))
    assert resize(one, f"{S}/0", 0, 12, alone=True).edit.label == "Shared expert: width 6 → 12"
    dense = design((1, "d8"))
    done = resize(dense, r(0, 0, 0), 0, 12, alone=True)
    assert (done.edit.label, done.select) == ("Dense FFN: width 8 → 12", r(0, 0, 0))
    assert after(dense, done).stacks[0].layers[0].pattern[0].parts[0].body.expert.hidden == 12


@pytest.mark.parametrize(("width", "got"), [(0, 1), (-5, 1), (10**9, 1_000_000)])
def test_a_width_is_kept_to_what_there_is(width, got):
    start = routed(moe((2, 8)))
    done = resize(start, f"{E}/0", 0, width, alone=False)
    assert (groups(after(start, done)), done.note) == (
        [(2, got)],
        f"A hidden width is 1 to 1000000 units, so it is {got}.",
    )


def test_the_same_width_is_no_step():
    assert resize(routed(moe((3, 8))), f"{E}/0", 1, 8, alone=True).edit is None


def test_experts_without_matrices_have_no_width():
    body = moe((2, 8))
    body["experts"].append({"kind": "zero", "count": 2})
    for alone in (False, True):
        said = resize(routed(body), f"{E}/1", 3, 8, alone=alone)
        assert said == "Experts 2–3: without matrices there is no hidden width."


@pytest.mark.parametrize("target", ["", "/task", r(0), r(0, 0, 0), f"{E}/9", f"{r(3, 0, 0)}/body/experts/0"])
def test_what_is_no_expert_is_said(target):
    for done in (
        resize(routed(moe((2, 8))), target, 9, 8, alone=True),
        count(routed(moe((2, 8))), target, 1),
    ):
        assert done.endswith(".")


@pytest.mark.parametrize(
    ("start", "index", "by", "made", "label"),
    [
        ([(8, 4)], 0, 1, [(9, 4)], "Experts: 8 → 9"),
        ([(8, 4), (2, 6)], 1, -1, [(8, 4), (1, 6)], "Experts of group 2: 2 → 1"),
        ([(8, 4), (2, 6)], 1, -9, [(8, 4), (1, 6)], "Experts of group 2: 2 → 1"),
        ([(8, 4), (1, 6)], 1, -1, [(8, 4)], "Remove expert group"),
    ],
)
def test_more_and_fewer(start, index, by, made, label):
    design = routed(moe(*start))
    done = count(design, f"{E}/{index}", by)
    assert (groups(after(design, done)), done.edit.label) == (made, label)


def test_the_last_expert_stays_and_the_last_shared_one_goes():
    start = routed(moe((1, 8), shared=((1, 6),)))
    assert "keeps one routed expert" in count(start, f"{E}/0", -1)
    done = count(start, f"{S}/0", -1)
    assert (groups(after(start, done), "shared"), done.select) == ([], r(0, 0, 0))
    many = routed(moe((4096, 8)))
    assert count(many, f"{E}/0", 1).note == "A group has 4096 experts at most."


def test_fewer_experts_than_a_token_gets_is_a_problem_with_a_fix():
    start = routed(moe((2, 8), k=2))
    found = errors(check(after(start, count(start, f"{E}/0", -1))))
    assert found
    assert all(problem.edits for problem in found)
