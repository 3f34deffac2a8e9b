"""What is copied can be pasted in the same design and in another one, as what belongs there."""

from __future__ import annotations

import pytest

from core.design.compose import clip as clips
from core.design.compose.acts import act
from core.design.compose.clip import Clip, copied, paste
from core.design.presets.registry import preset
from tests.core.design.compose.shapes import after, design, groups, moe, r, routed, shape
from tests.core.design.test_blank import TASKS, blank

START = ((1, "a1 d1"), (2, "a2 d2"), (2, "a3", "d3"))
E = f"{r(0, 0, 0)}/body/experts"


@pytest.mark.parametrize(
    ("targets", "kind", "said"),
    [
        ([r(0, 0, 0)], "parts", "1 part"),
        ([r(0, 0, 0), r(1, 0, 1)], "parts", "2 parts"),
        ([r(2, 0)], "layers", "1 layer"),
        ([r(2, 0), r(0, 0, 1)], "layers", "2 layers"),
        ([r(0, 0, 0), r(0, 0, 1)], "repeats", "1 repeat"),
        ([r(1), r(0, 0, 0), r(2, 0)], "repeats", "3 repeats"),
    ],
)
def test_what_a_clip_is(targets, kind, said):
    clip = copied(design(*START), targets)
    assert (clip.kind, clip.said, clip.source) == (kind, said, "Untitled")


@pytest.mark.parametrize(
    ("targets", "target", "place", "made", "select"),
    [
        ([r(0, 0, 0)], r(1, 0, 0), "", [START[0], (2, "a2 a1 d2"), START[2]], r(1, 0, 1)),
        ([r(0, 0, 0)], "", r(1), [START[0], (1, "a1"), *START[1:]], r(1, 0, 0)),
        ([r(0, 0, 0), r(1, 0, 1)], "", r(2, 1), [*START[:2], (2, "a3", "a1 d2", "d3")], r(2, 1, 0)),
        ([r(2, 0)], r(2, 0, 0), "", [*START[:2], (2, "a3", "a3", "d3")], r(2, 1, 0)),
        ([r(2, 0)], r(1, 0, 0), "", [*START[:2], (1, "a3"), START[2]], r(2, 0, 0)),
        ([r(2, 0)], "", r(0, 0, 1), [(1, "a1 a3 d1"), *START[1:]], r(0, 0, 1)),
        ([r(1)], r(2, 1, 0), "", [*START, START[1]], r(3)),
        ([r(1)], "", r(0), [START[1], *START], r(0)),
        ([r(0)], "", r(1, 1), [START[0], (2, "a2 d2", "a1 d1"), START[2]], r(1, 1, 0)),
    ],
)
def test_paste(targets, target, place, made, select):
    start = design(*START)
    done = paste(start, copied(start, targets), target, place)
    assert (shape(after(start, done)), done.select) == (made, select)


def test_a_repeat_is_not_pasted_into_a_pattern():
    start = design(*START)
    assert "cannot stand inside" in paste(start, copied(start, [r(1)]), place=r(0, 0))
    assert paste(start, copied(start, [r(1)]), place=r(9)) == "Nothing stands here any more."


def test_experts_are_pasted_beside_experts():
    start = routed(moe((2, 8), (3, 4), shared=((1, 6),)))
    clip = copied(start, [f"{E}/0"])
    assert (clip.kind, clip.said) == ("experts", "1 expert group")
    assert groups(after(start, paste(start, clip, f"{E}/0"))) == [(2, 8), (2, 8), (3, 4)]
    assert groups(after(start, paste(start, clip, r(0, 0, 0)))) == [(2, 8), (3, 4), (2, 8)]
    assert groups(after(start, paste(start, clip, place=f"{E}/1"))) == [(2, 8), (2, 8), (3, 4)]
    shared = after(start, paste(start, clip, f"{r(0, 0, 0)}/body/shared/0"))
    assert groups(shared, "shared") == [(1, 6), (2, 8)]
    assert "no MoE layer" in paste(design(*START), clip)
    assert "Experts belong" in paste(start, clip, place=r(0))


def test_a_clip_goes_into_another_design_as_it_is():
    clip = copied(preset("mixtral-8x7b"), [r(0)])
    start = blank(TASKS[0])
    made = after(start, paste(start, clip))
    assert made.stacks[0].layers == preset("mixtral-8x7b").stacks[0].layers
    assert made.width == start.width


def test_what_a_part_read_stays_behind():
    start = design((1, "a1 a2 d3@1"))
    made = after(start, paste(start, copied(start, [r(0, 0, 2)]), r(0, 0, 0)))
    assert shape(made) == [(1, "a1 d3 a2 d3@2")]


def test_cut_is_copy_and_delete():
    start = design(*START)
    done = act(start, "cut", [r(0), r(1)])
    assert (shape(after(start, done)), done.edit.label) == ([START[2]], "Cut 3 layers")


def test_what_cannot_be_copied_is_said(monkeypatch):
    start = routed(moe((2, 8)))
    assert "only one of both" in copied(design((1, "a1"), (1, "m8")), [r(0), f"{r(1, 0, 0)}/body/experts/0"])
    assert "ends of a design" in copied(start, ["/task"])
    assert act(start, "paste") == "Nothing was copied yet. To fix this, choose parts and copy them."
    monkeypatch.setattr(clips, "MOST_CLIP", 10)
    assert "more than can be copied" in copied(start, [r(0)])


def test_a_clip_does_not_change_with_its_design():
    start = design(*START)
    clip = copied(start, [r(1)])
    assert isinstance(clip, Clip)
    before = str(clip.items)
    paste(start, clip)
    paste(start, clip, place=r(0))
    assert str(clip.items) == before
