"""Where something can be dropped: every place of every list, within reach of a pointer, and nowhere else."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.canvas.layout import EMPTY, draw
from components.canvas.pen import COLUMNS, GUTTER
from components.canvas.slots import MOST
from core.cost.count import count
from core.design.bodies.moe import Moe
from core.design.compose.acts import act
from core.design.edit import Insert
from core.design.edits import apply, parse
from core.design.pointer import get
from core.design.presets.registry import preset
from core.design.spec import Design
from tests.strategies import any_designs, designs


def drawn(design: Design, width: float = COLUMNS[1], *, closed: bool = False):
    routed = {p.pointer for p in design.parts() if isinstance(p.part.body, Moe)}
    return draw(design, count(design), opened=set() if closed else routed, width=width)


def expected_places(design: Design) -> list[str]:
    """Before every entry of every list and after its last; the ends of a single turn are the stack's."""
    out = []
    for s, stack in enumerate(design.stacks):
        out += [f"/stacks/{s}/layers/{r}" for r in range(len(stack.layers) + 1)]
        for r, repeat in enumerate(stack.layers):
            at, layers = f"/stacks/{s}/layers/{r}/pattern", len(repeat.pattern)
            out += [f"{at}/{n}" for n in range(layers + 1) if repeat.times > 1 or 0 < n < layers]
            for n, layer in enumerate(repeat.pattern):
                out += [f"{at}/{n}/parts/{p}" for p in range(len(layer.parts) + 1)]
    return out


def words(design: Design) -> dict[str, str]:
    return {slot.place: slot.said for slot in drawn(design).slots}


def starter_with(layers: list[object]) -> Design:
    document = preset("starter").model_dump(mode="json")
    document["stacks"][0]["layers"] = layers
    design = parse(document)
    assert isinstance(design, Design), design
    return design


@settings(max_examples=40)
@given(st.one_of(designs(), any_designs()), st.sampled_from(COLUMNS))
def test_every_place_has_one_slot_and_takes_what_it_says(design, width):
    picture = drawn(design, width)
    places = [slot.place for slot in picture.slots]
    assert sorted(places) == sorted(expected_places(design))
    assert len(set(places)) == len(places)
    document = design.model_dump(mode="json")
    for slot in picture.slots:
        holder, index = slot.place.rsplit("/", 1)
        entries = get(document, holder)
        assert 0 <= int(index) <= len(entries)
        if entries:
            added = apply(design, Insert(path=holder, index=int(index), value=entries[0], label="Add"))
            assert isinstance(added, Design), added
        level = holder.rsplit("/", 1)[1]
        assert (
            slot.takes
            == {
                "parts": ("part",),
                "pattern": ("part", "layer"),
                "layers": ("part", "layer", "repeat"),
            }[level]
        )
        assert slot.said


@settings(max_examples=40)
@given(st.one_of(designs(), any_designs()), st.sampled_from(COLUMNS))
def test_slots_lie_between_rows_and_apart(design, width):
    picture = drawn(design, width)
    rows = [box for box in picture.boxes if box.kind in ("row", "panel", "problem")]
    for slot in picture.slots:
        assert slot.x >= 0
        assert slot.x + slot.w <= picture.width
        assert not [row for row in rows if row.y < slot.y < row.y + row.h]
    heights = sorted(slot.y for slot in picture.slots)
    assert all(b - a >= 4.9 for a, b in pairwise(heights))


def test_the_x_of_a_slot_says_its_level():
    picture = drawn(preset("deepseek-v3"))
    by_level = {slot.place.rsplit("/", 2)[1]: slot.x for slot in picture.slots}
    assert by_level["layers"] < by_level["pattern"] == GUTTER < by_level["parts"]


def test_words_of_places():
    said = words(preset("deepseek-v3"))
    assert said["/stacks/0/layers/0"] == "New layer before layer 1"
    assert said["/stacks/0/layers/1"] == "New layer after layer 3"
    assert said["/stacks/0/layers/1/pattern/1"] == "New layer inside the ×58 repeat, at its end"
    assert said["/stacks/0/layers/1/pattern/0/parts/1"] == "Into layers 4–61, after latent attention (MLA)"
    layer = preset("starter").stacks[0].layers[0].pattern[0].model_dump(mode="json")
    said = {
        slot.place: slot.said for slot in drawn(starter_with([{"times": 1, "pattern": [layer]}] * 3)).slots
    }
    assert said["/stacks/0/layers/2/pattern/0/parts/1"] == "Into layer 3, after attention"
    assert said["/stacks/0/layers/2/pattern/0/parts/2"] == "Into layer 3, after MoE layer"
    said = {
        slot.place: slot.said for slot in drawn(starter_with([{"times": 8, "pattern": [layer] * 2}])).slots
    }
    assert said["/stacks/0/layers/0/pattern/1"] == "New layer inside the ×8 repeat, after layer 1 of 2"
    assert (
        said["/stacks/0/layers/0/pattern/1/parts/0"] == "Into layer 2 of 2 in the ×8 repeat, before attention"
    )
    said = {
        slot.place: slot.said for slot in drawn(starter_with([{"times": 1, "pattern": [layer] * 2}])).slots
    }
    assert said["/stacks/0/layers/0/pattern/1"] == "New layer after layer 1"


@pytest.mark.parametrize("level", ["parts", "pattern", "layers"])
def test_a_full_list_offers_no_place(level):
    layer = preset("starter").stacks[0].layers[0].pattern[0].model_dump(mode="json")
    part, most = layer["parts"][0], MOST[level]
    layers = {
        "parts": [{"times": 2, "pattern": [{"parts": [part] * most}]}],
        "pattern": [{"times": 2, "pattern": [{"parts": [part]}] * most}],
        "layers": [{"times": 1, "pattern": [{"parts": [part]}]}] * most,
    }[level]
    levels = {slot.place.rsplit("/", 2)[1] for slot in drawn(starter_with(layers), closed=True).slots}
    assert levels == {"parts", "pattern", "layers"} - {level} - ({"pattern"} if level == "layers" else set())


def test_an_empty_stack_has_one_place_and_says_what_to_do():
    picture = drawn(starter_with([]))
    (slot,) = picture.slots
    assert (slot.place, slot.said) == ("/stacks/0/layers/0", "First layer")
    assert slot.takes == ("part", "layer", "repeat")
    assert [label.text for label in picture.labels][-1] == EMPTY
    assert [box.glyph for box in picture.boxes] == ["embedding", "head"]


@settings(max_examples=25)
@given(designs(), st.sampled_from(["attention", "moe", "layer"]))
def test_what_is_dropped_stands_where_the_slot_was(design, what):
    for slot in drawn(design, closed=True).slots:
        if what == "layer" and "layer" not in slot.takes:
            continue
        done = act(design, "add", what=what, place=slot.place)
        if isinstance(done, str):
            assert "To fix this" in done
            continue
        assert done.edit is not None
        result = apply(design, done.edit)
        assert isinstance(result, Design), result
        there = get(result.model_dump(mode="json"), slot.place)
        if slot.place.rsplit("/", 2)[1] == "layers":
            assert (there["times"], len(there["pattern"])) == (1, 1)
            there = there["pattern"][0]
        parts = there.get("parts", [there])
        assert [part["body"]["kind"] for part in parts] == (
            ["attention", "moe"] if what == "layer" else [what]
        )


def test_a_single_layer_is_dragged_by_its_number_to_every_place_of_layers():
    layer = preset("starter").stacks[0].layers[0].pattern[0].model_dump(mode="json")
    other = {"parts": layer["parts"][:1]}
    design = starter_with([{"times": 1, "pattern": [other]}, {"times": 3, "pattern": [layer]}])
    picture = drawn(design)
    (moves,) = [box.moves for box in picture.boxes if box.kind == "repeat" and box.title == "1"]
    for slot in picture.slots:
        if "layer" in slot.takes:
            done = act(design, "put", [moves], place=slot.place)
            assert not isinstance(done, str), done
            result = design if done.edit is None else apply(design, done.edit)
            assert isinstance(result, Design), result
            inside = "/pattern/" in slot.place
            assert result.depth == (6 if inside else 4)
