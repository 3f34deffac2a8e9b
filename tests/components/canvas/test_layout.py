"""The drawing is the data: every expert has its box, widths are to scale, every box leads to its part."""

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.canvas.layout import COLUMNS, GUTTER, draw
from components.canvas.letters import fitting, width_of
from components.canvas.pen import BLOCK_GAP, GAP, LAYER_GAP, Pen
from components.canvas.picture import Box, Picture
from components.canvas.scale import HIT, rows_for, segments, unit_width
from core.cost.count import count
from core.cost.estimate import strip
from core.design.bodies.moe import Moe
from core.design.edit import SetValue
from core.design.edits import apply, parse
from core.design.pointer import get
from core.design.presets.registry import names, preset
from core.design.rules import check
from core.design.spec import Design
from tests.strategies import any_designs


def moe_parts(design: Design) -> list[str]:
    return [part.pointer for part in design.parts() if isinstance(part.part.body, Moe)]


def opened(design: Design, width: float = COLUMNS[1], stage: str = "design"):
    return draw(design, count(design), check(design, stage=stage), opened=set(moe_parts(design)), width=width)


@given(st.lists(st.integers(0, 4096), min_size=1, max_size=12), st.floats(340, 900))
def test_boxes_fill_the_room_to_scale_and_can_be_hit(widths, room):
    unit = unit_width(widths, room, 5.0)
    placed = segments(widths, 10.0, unit, 5.0)
    assert placed[-1].x + placed[-1].w <= 10 + room + 1e-6 or unit == 0
    assert all(segment.w >= HIT for segment in placed)
    assert [segment.fill for segment in placed] == [width * unit for width in widths]
    assert all(a.x + a.w + 5 == pytest.approx(b.x) for a, b in pairwise(placed))


@given(st.integers(1, 200), st.floats(100, 900))
def test_rows_hold_all_boxes(n, room):
    rows = rows_for(n, room, 3.0)
    per_row = -(-n // rows)
    assert per_row * HIT + (per_row - 1) * 3 <= room + 1e-6 or per_row == 1


@pytest.mark.parametrize("width", COLUMNS)
@pytest.mark.parametrize("name", names())
def test_every_part_and_every_expert_is_drawn_inside_the_column(name, width):
    design = preset(name)
    picture = opened(design, width)
    assert {box.target for box in picture.boxes} >= {part.pointer for part in design.parts()}
    for box in picture.boxes:
        assert box.w > 0
        assert box.h > 0
        right = GUTTER if box.kind == "repeat" else GUTTER + width
        assert 0 <= box.x <= box.x + box.w <= right + 0.01, box
        assert box.y + box.h <= picture.height
    ids = [box.id for box in picture.boxes]
    assert len(set(ids)) == len(ids)
    document = design.model_dump(mode="json")
    for box in picture.boxes:
        if box.target:
            get(document, box.target)
    for placed in design.parts():
        body = placed.part.body
        if isinstance(body, Moe) and body.count <= 256:
            experts = f"{placed.pointer}/body/experts/"
            mine = [b for b in picture.boxes if b.target.startswith(experts) and b.kind != "count"]
            assert len(mine) == body.count


def test_unequal_experts_are_drawn_to_scale():
    document = preset("starter").model_dump(mode="json")
    groups = [
        {"kind": "glu", "count": 6, "hidden": 512},
        {"kind": "glu", "hidden": 1024},
        {"kind": "glu", "hidden": 900},
    ]
    document["stacks"][0]["layers"][0]["pattern"][0]["parts"][1]["body"] |= {
        "experts": groups,
        "shared": [{"kind": "glu", "hidden": 1024}],
    }
    design = parse(document)
    picture = opened(design)
    fills = [box.fill for box in picture.boxes if box.kind in ("expert", "shared")]
    assert [fill / fills[0] for fill in fills] == pytest.approx([1] * 6 + [2, 900 / 512, 2])
    assert {label.text for label in picture.labels} >= {
        "6 experts × 512",
        "1\u2009024 and 900",
        "every token",
    }


@pytest.mark.parametrize(
    ("experts", "kind"), [(8, "expert"), (32, "expert"), (33, "cell"), (256, "cell"), (257, "swarm")]
)
def test_many_experts_become_a_grid(experts, kind):
    path = f"{moe_parts(preset('starter'))[0]}/body/experts/0/count"
    picture = opened(apply(preset("starter"), SetValue(path=path, value=experts)))
    kinds = {box.kind for box in picture.boxes if "/experts/" in box.target}
    assert kinds == {kind, "count"}


def unequal(groups: list[tuple[int, int]], shared: list[tuple[int, int]]) -> Design:
    """The starter with groups of (experts, hidden width)."""
    document = preset("starter").model_dump(mode="json")
    document["stacks"][0]["layers"][0]["pattern"][0]["parts"][1]["body"] |= {
        name: [{"kind": "glu", "count": n, "hidden": hidden} for n, hidden in chosen]
        for name, chosen in (("experts", groups), ("shared", shared))
    }
    design = parse(document)
    assert isinstance(design, Design), design
    return design


GROUPS = st.lists(
    st.tuples(st.sampled_from([1, 1, 2, 3, 8, 30, 300]), st.integers(1, 4096)), min_size=1, max_size=6
)
SHARED = st.lists(st.tuples(st.integers(1, 2), st.integers(1, 4096)), max_size=2)


def overlap(a, b) -> bool:
    return (
        a.x < b.x + b.w - 0.01
        and b.x < a.x + a.w - 0.01
        and a.y < b.y + b.h - 0.01
        and b.y < a.y + a.h - 0.01
    )


@settings(max_examples=60)
@given(GROUPS, SHARED, st.sampled_from(COLUMNS))
def test_experts_and_their_handles_never_lie_on_each_other(groups, shared, width):
    picture = opened(unequal(groups, shared), width)
    boxes = [box for box in picture.boxes if box.kind not in ("panel", "open", "problem")]
    for i, box in enumerate(boxes):
        assert not [other.id for other in boxes[i + 1 :] if overlap(box, other)], box.id
    handles = [box for box in boxes if box.kind == "count"]
    assert {(box.w, box.h) for box in handles} == {(HIT, HIT)}
    for label in picture.labels:
        if label.anchor == "middle":
            half = width_of(label.text, 11) / 2
            text = Box("", "row", label.x - half, label.y - 9, 2 * half, 11)
            assert not [box.id for box in handles if overlap(box, text)], label


@settings(max_examples=40)
@given(GROUPS, SHARED, st.sampled_from(COLUMNS))
def test_a_box_that_can_be_resized_is_to_its_scale(groups, shared, width):
    design = unequal(groups, shared)
    body = design.stacks[0].layers[0].pattern[0].parts[1].body
    boxes = [box for box in opened(design, width).boxes if box.kind in ("expert", "cell", "shared")]
    for box in boxes:
        assert box.fill == pytest.approx(box.scale * box.inner)
        assert box.scale > 0
        assert box.moves == box.target
    for kinds, bank in ((("expert", "cell"), body.experts), (("shared",), body.shared)):
        numbered = [(box.number, box.inner) for box in boxes if box.kind in kinds]
        widths = [group.inner for group in bank for _ in range(group.count)]
        assert numbered in (list(enumerate(widths)), [])
    if body.count <= 256:
        assert len({round(box.scale, 6) for box in boxes if box.kind != "shared"}) == 1


def test_handles_change_the_group_they_stand_below():
    picture = opened(unequal([(6, 512), (1, 1024), (1, 900)], [(1, 1024)]))
    handles = [(box.target.split("/body/")[1], box.by) for box in picture.boxes if box.kind == "count"]
    # Single experts side by side share a rule, whose handles work on the last of them.
    assert handles == [
        *(("experts/0", -1), ("experts/0", 1), ("experts/2", -1), ("experts/2", 1)),
        *(("shared/0", -1), ("shared/0", 1)),
    ]
    assert {box.said.split(":")[0] for box in picture.boxes if box.kind == "count"} == {
        *("More experts", "Fewer experts", "More shared experts", "Fewer shared experts"),
    }


def test_the_last_expert_has_no_handle_that_takes_it_away():
    picture = opened(unequal([(1, 512)], []))
    assert [box.by for box in picture.boxes if box.kind == "count"] == [1]


def test_rows_move_by_themselves_and_brackets_by_their_repeat():
    picture = opened(preset("deepseek-v3"))
    moves = {box.id: box.moves for box in picture.boxes if box.kind in ("row", "open", "repeat")}
    assert moves.pop("/task") == moves.pop("/embedding") == ""
    assert all(name == where for name, where in moves.items())
    assert "/stacks/0/layers/1" in moves


def test_layers_of_an_unrolled_design_are_numbered_and_close_together():
    layer = preset("starter").stacks[0].layers[0].pattern[0].model_dump(mode="json")
    document = preset("starter").model_dump(mode="json")
    document["stacks"][0]["layers"] = [{"times": 1, "pattern": [layer]}] * 24
    picture = draw(design := parse(document), count(design))
    single = [box for box in picture.boxes if box.kind == "repeat"]
    assert [(box.title, box.target) for box in single] == [
        (str(n + 1), f"/stacks/0/layers/{n}") for n in range(24)
    ]
    rows = [box for box in picture.boxes if box.kind == "row"]
    gaps = {b.y - a.y - a.h for a, b in pairwise(rows)}
    assert gaps == {GAP, LAYER_GAP, BLOCK_GAP}
    document["stacks"][0]["layers"] = [{"times": 6, "pattern": [layer, layer]}]
    picture = draw(design := parse(document), count(design))
    assert [(b.title, b.target) for b in picture.boxes if b.kind == "repeat"] == [
        *((str(n + 1), f"/stacks/0/layers/0/pattern/{n}") for n in range(2)),
        ("×6", "/stacks/0/layers/0"),
    ]


def test_a_problem_stands_on_its_part_with_its_button():
    path = f"{moe_parts(preset('starter'))[0]}/body/router/select/k"
    design = apply(preset("starter"), SetValue(path=path, value=10))
    picture = opened(design)
    (strip,) = [box for box in picture.boxes if box.kind == "problem"]
    assert strip.title.startswith("Top-k 10 is more than the 8 experts")
    assert [fix.label for fix in strip.fixes] == ["Set top-k to 8", "Add 2 experts"]
    assert strip.fixes[0].edit["revision"] == design.sha
    assert [box.kind for box in picture.boxes if box.mark and box.kind != "problem"] == ["router"]


def test_a_repeat_has_its_bracket_and_says_which_layers():
    picture = opened(preset("deepseek-v3"))
    repeats = [(box.title, box.note) for box in picture.boxes if box.kind == "repeat"]
    assert repeats == [("×3", "layers 1–3"), ("×58", "layers 4–61")]


def test_arrow_keys_find_a_box_on_every_line():
    picture = opened(preset("starter"))
    lines = sorted({box.line for box in picture.boxes if box.target and box.kind != "repeat"})
    assert lines == list(range(lines[0], lines[-1] + 1))


@settings(max_examples=25)
@given(any_designs())
def test_any_design_can_be_drawn(design):
    picture = draw(design, count(design), check(design), opened=set(moe_parts(design)))
    json.dumps(picture.as_json(), allow_nan=False)
    assert {box.target for box in picture.boxes} >= {part.pointer for part in design.parts()}
    ids = [box.id for box in picture.boxes]
    assert len(set(ids)) == len(ids)
    flat = [box for box in picture.boxes if box.kind != "panel"]
    for i, box in enumerate(flat):
        assert 0 <= box.x <= box.x + box.w <= picture.width
        assert 0 <= box.y <= box.y + box.h <= picture.height
        assert not [other.id for other in flat[i + 1 :] if overlap(box, other)], box.id


@pytest.mark.parametrize("name", ["starter", "mixtral-8x7b", "deepseek-v3"])
def test_the_figures_of_the_rows_add_up_to_those_of_the_strip(name):
    design = preset(name)
    counts = count(design)
    pen = Pen(design, {}, 0.0, {}, (), COLUMNS[1], Picture(0.0))
    each = {part.pointer + part.kind: part for part in counts.parts}.values()
    flops = sum(2 * p.times * (p.gemm_macs + p.token_macs + pen.attention(p)) for p in each)
    shown = next(cell for cell in strip(design) if cell.label == "FLOPs per token")
    assert flops == pytest.approx(shown.figure.value)


def test_a_note_keeps_what_there_is_room_for():
    assert fitting("256 experts, top-8, 1 shared", 12, 1000) == "256 experts, top-8, 1 shared"
    assert fitting("256 experts, top-8, 1 shared", 12, 110) == "256 experts, top-8"
    assert fitting("256 experts, top-8, 1 shared", 12, 10) == ""
    for width in COLUMNS:
        for box in opened(preset("deepseek-v3"), width).boxes:
            if box.kind in ("row", "open"):
                assert 328 + width_of(box.title, 13.5) + width_of(box.note, 12) <= width
