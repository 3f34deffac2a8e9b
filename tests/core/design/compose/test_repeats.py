"""Turns of a repeat, layers gathered into one, and taken apart again."""

from __future__ import annotations

import pytest

from core.design.compose.repeats import gather, turn, unroll
from tests.core.design.compose.shapes import after, design, r, shape

START = ((1, "a1 d1"), (3, "a2 d2"), (1, "a3 d3"))


@pytest.mark.parametrize(
    ("target", "by", "times", "select", "label"),
    [
        (r(1), 1, 4, r(1), "Repeat ×3 → ×4"),
        (r(1, 0, 0), -1, 2, r(1, 0, 0), "Repeat ×3 → ×2"),
        (r(1), -7, 1, r(1, 0, 0), "Repeat ×3 → ×1"),
        (f"{r(1, 0, 1)}/body/expert", 2000, 1024, f"{r(1, 0, 1)}/body/expert", "Repeat ×3 → ×1024"),
    ],
)
def test_turns(target, by, times, select, label):
    done = turn(design(*START), target, by)
    assert shape(after(design(*START), done)) == [START[0], (times, "a2 d2"), START[2]]
    assert (done.select, done.edit.label) == (select, label)


def test_turns_have_ends():
    assert turn(design(*START), r(0), -1) == "This stands once already. To take it away, delete it."
    assert "1024 times already" in turn(design((1024, "a1")), r(0), 1)
    deep = design((1024, "a1"), (1024, "a1"), (1024, "a1"), (1024, "a1", "a2")[:2])
    assert "times already" in turn(deep, r(3), 1)
    assert turn(design(*START), "/task", 1).endswith(".")


@pytest.mark.parametrize(
    ("start", "targets", "made"),
    [
        (((1, "a1 d1"), (1, "a1 d1"), (1, "a1 d1")), [r(0), r(1), r(2)], [(3, "a1 d1")]),
        (((1, "a1 d1"), (2, "a1 d1")), [r(0, 0, 0), r(1, 0, 1)], [(3, "a1 d1")]),
        (
            ((1, "a1"), (1, "d1"), (1, "a1"), (1, "d1"), (1, "a9")),
            [r(i) for i in range(4)],
            [(2, "a1", "d1"), (1, "a9")],
        ),
        (((1, "a1"), (1, "a2")), [r(1), r(0)], [(1, "a1", "a2")]),
        (((1, "a1", "a1"),), [r(0, 0)], [(2, "a1")]),
        (((2, "a1"), (1, "a2")), [r(0), r(1)], [(1, "a1", "a1", "a2")]),
    ],
)
def test_gather(start, targets, made):
    done = gather(design(*start), targets)
    assert shape(after(design(*start), done)) == made
    assert done.select == r(0)


def test_what_cannot_be_gathered_is_said():
    start = design(*START)
    assert "next to each other" in gather(start, [r(0), r(2)])
    assert gather(start, [r(1)]) == "These layers are one repeat already."
    assert gather(start, ["/task"]).endswith(".")
    long = design((60, "a1"), (8, "a2"))
    assert "no shorter pattern" in gather(long, [r(0), r(1)])


def test_unroll_and_gather_are_each_others_inverse():
    start = design((2, "a1 a2 d1@1", "a9"))
    done = unroll(start, r(0, 0, 0))
    apart = after(start, done)
    assert shape(apart) == [(1, "a1 a2 d1@1"), (1, "a9")] * 2
    assert done.select == r(0, 0, 0)
    assert shape(after(apart, gather(apart, [r(i) for i in range(4)]))) == shape(start)


def test_what_cannot_be_unrolled_is_said():
    assert unroll(design(*START), r(0)) == "This is a single layer already."
    assert "256" in unroll(design((300, "a1")), r(0))
