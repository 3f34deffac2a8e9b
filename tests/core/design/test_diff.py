"""Differences of designs: complete, none where there are none, short, and in the words of the field."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.design.diff.align import Pair, align
from core.design.diff.change import summary
from core.design.diff.designs import diff
from core.design.edit import Duplicate, Edit, Insert, Isolate, Merge, Move, Remove, SetValue
from core.design.edits import apply
from core.design.pointer import get
from core.design.presets.registry import names, preset
from core.design.spec import Design
from tests.core.design.samples import BODY, ROUTER, starter
from tests.strategies import any_designs, designs

LAYER = "/stacks/0/layers/0/pattern/0"
DENSE = {"kind": "dense", "expert": {"kind": "glu", "hidden": 8}}
RAMP = {"kind": "exponential", "start": 2.0, "end": 0.3}


def edited(design: Design, *edits: Edit) -> Design:
    for edit in edits:
        result = apply(design, edit)
        assert isinstance(result, Design), result
        design = result
    return design


def said(before: Design, *edits: Edit) -> list[str]:
    return [str(change) for change in diff(before, edited(before, *edits))]


# ---- laws
@given(any_designs())
@settings(max_examples=30)
def test_a_design_does_not_differ_from_itself_whatever_its_name(design: Design) -> None:
    assert diff(design, Design.model_validate_json(design.model_dump_json())) == ()
    assert diff(design, design.model_copy(update={"name": "Another"})) == ()


@given(st.one_of(designs(), any_designs()), st.one_of(designs(), any_designs()))
@settings(max_examples=60)
def test_two_designs_differ_exactly_if_their_sha_does(before: Design, after: Design) -> None:
    changes = diff(before, after)
    assert bool(changes) == (before.sha != after.sha)
    for change in changes:
        assert change.where
        assert change.before or change.after
        assert change.before != change.after
        assert "None" not in str(change)


@given(any_designs(), st.data())
@settings(max_examples=60)
def test_a_single_edit_anywhere_is_found_and_its_pointers_lead_somewhere(design: Design, data: Any) -> None:
    lists = [
        pointer for pointer, content in _all(design.model_dump(mode="json")) if isinstance(content, list)
    ]
    pointer = data.draw(st.sampled_from(lists))
    content = get(design.model_dump(mode="json"), pointer)
    edits: list[Edit] = [Insert(path=pointer, value=content[0])] if content else []
    edits += [Remove(path=f"{pointer}/0"), Move(path=f"{pointer}/0", to=len(content) - 1)] if content else []
    edits += [Duplicate(path=f"{pointer}/{len(content) - 1}")] if content else []
    for edit in edits:
        after = apply(design, edit)
        if not isinstance(after, Design):
            continue
        changes = diff(design, after)
        assert bool(changes) == (after.sha != design.sha)
        for change in changes:
            get(design.model_dump(mode="json"), change.before_pointer)
            get(after.model_dump(mode="json"), change.after_pointer)


def _all(content: Any, pointer: str = "") -> list[tuple[str, Any]]:
    items = content.items() if isinstance(content, dict) else enumerate(content)
    inner = [
        found
        for key, value in items
        if isinstance(value, dict | list)
        for found in _all(value, f"{pointer}/{key}")
    ]
    return [(pointer, content), *inner]


@given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("abc"), max_size=8))
def test_every_entry_is_accounted_for_once(before: list[str], after: list[str]) -> None:
    pairs = align(before, after, lambda i, j: 0.5)
    gone = [pair.before for pair in pairs if pair.before is not None]
    come = [pair.after for pair in pairs if pair.after is not None]
    assert len(gone) == len(set(gone))
    assert len(come) == len(set(come))
    kept = [before[i] for i in range(len(before)) if i not in gone]
    assert kept == [after[j] for j in range(len(after)) if j not in come]
    for pair in pairs:
        if pair.moved:
            assert before[pair.before or 0] == after[pair.after or 0]
    assert bool(pairs) == (before != after)


def test_the_likest_entries_are_paired() -> None:
    pairs = align(["x1"], ["new", "x2"], lambda i, j: float(j == 1))
    assert pairs == [Pair(None, 0), Pair(0, 1)]


# ---- words
@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([SetValue(path=f"{BODY}/experts/0/count", value=16)], ["Layers 1–3, MoE layer: experts 8 → 16"]),
        (
            [SetValue(path=f"{ROUTER}/select", value={"kind": "expert_choice"})],
            ["Layers 1–3, MoE layer: router top-2 → expert choice"],
        ),
        (
            [SetValue(path=f"{BODY}/shared", value=[{"kind": "glu", "hidden": 512}])],
            ["Layers 1–3, MoE layer: added 1 shared expert of width 512"],
        ),
        (
            [Insert(path=f"{BODY}/experts", value={"kind": "glu", "count": 1, "hidden": 1024})],
            [
                "Layers 1–3, MoE layer: experts 8 → 9",
                "Layers 1–3, MoE layer: expert width 128 → 8 × 128, 1\u2009024",
            ],
        ),
        (
            [SetValue(path=f"{BODY}/experts/0/activation", value="gelu")],
            ["Layers 1–3, MoE layer: expert activation SiLU → GELU"],
        ),
        (
            [SetValue(path=f"{ROUTER}/capacity", value={"train": 1.5})],
            ["Layers 1–3, MoE layer: added capacity (in training 1.5, in evaluation 2)"],
        ),
        (
            [SetValue(path=f"{ROUTER}/modifiers", value=[{"kind": "temperature", "value": RAMP}])],
            ["Layers 1–3, MoE layer: added temperature (value exponential from 2 to 0.3)"],
        ),
        (
            [SetValue(path=f"{BODY}/balance", value=[{"kind": "entropy", "coefficient": 0.03}])],
            [
                "Layers 1–3, MoE layer: removed load balance",
                "Layers 1–3, MoE layer: added entropy (coefficient 0.03)",
            ],
        ),
        (
            [SetValue(path=f"{LAYER}/parts/1/reads", value="layer_input")],
            ["Layers 1–3, MoE layer: reads stream → layer input"],
        ),
        ([SetValue(path="/width", value=1024)], ["Whole design: model width 64 → 1\u2009024"]),
        ([SetValue(path="/task/context", value=256)], ["Task: context 64 → 256 tokens"]),
        ([SetValue(path="/norm/kind", value="layer")], ["Norm: kind RMS norm → layer norm"]),
        (
            [SetValue(path=f"{LAYER}/parts/0/body/head_width", value=32)],
            ["Layers 1–3, Attention: head width D / heads → 32"],
        ),
        (
            [SetValue(path=f"{LAYER}/parts/1/body", value=DENSE)],
            ["Layers 1–3: MoE layer of 8 experts → dense FFN"],
        ),
        ([Remove(path=f"{LAYER}/parts/0")], ["Layers 1–3: removed attention"]),
        ([Move(path=f"{LAYER}/parts/1", to=0)], ["Layers 1–3: MoE layer of 8 experts moved from place 2"]),
        (
            [SetValue(path="/stacks/0/layers/0/times", value=5)],
            ["Layers 4–5: added 2 layers: attention, MoE layer of 8 experts"],
        ),
        ([Isolate(path="/stacks/0/layers/0", turn=1)], ["Layers 1–3: written as ×3 → ×1, ×1, ×1"]),
    ],
)
def test_an_edit_in_words(edits: list[Edit], words: list[str]) -> None:
    assert said(starter(), *edits) == words


def test_one_layer_of_a_repeat_that_was_taken_out_and_changed_is_one_line() -> None:
    apart = [
        Isolate(path="/stacks/0/layers/0", turn=1),
        SetValue(path=f"{BODY.replace('layers/0', 'layers/1')}/router/select/k", value=3),
    ]
    assert said(starter(), *apart) == ["Layer 2, MoE layer: experts per token 2 → 3"]


def test_an_inserted_layer_does_not_make_the_others_new() -> None:
    v3 = preset("deepseek-v3")
    layer = starter().stacks[0].layers[0].model_dump(mode="json") | {"times": 1}
    changed = "/stacks/0/layers/2/pattern/0/parts/1/body/router/select/k"
    words = said(v3, Insert(path="/stacks/0/layers", index=1, value=layer), SetValue(path=changed, value=6))
    assert words == [
        "Layer 4: added 1 layer: attention, MoE layer of 8 experts",
        "Layers 5–62, MoE layer: experts per token 8 → 6",
    ]


def test_layers_that_change_places_moved() -> None:
    words = said(preset("deepseek-v3"), Move(path="/stacks/0/layers/0", to=1))
    assert words == ["Layers 59–61: moved from layers 1–3"]


def test_two_stacks_are_told_apart() -> None:
    t5 = preset("switch-base-8")
    assert len(t5.stacks) == 2
    words = said(
        t5,
        Merge(path="/stacks/1", values={"final_norm": False}),
        SetValue(path="/stacks/0/layers/0/times", value=1),
    )
    assert any(line.startswith(f"{t5.stacks[1].name.capitalize()}: final norm on → off") for line in words)
    assert any(line.startswith(f"{t5.stacks[0].name.capitalize()}, layers ") for line in words)


def test_presets_that_differ_have_words() -> None:
    every = [preset(name) for name in names()]
    for before in every[::3]:
        for after in every[::4]:
            assert bool(diff(before, after)) == (before.sha != after.sha)


def test_a_line_that_names_the_first_and_counts_the_rest() -> None:
    changes = diff(starter(), preset("deepseek-v3"))
    assert summary(changes).endswith(f"; {len(changes) - 2} more")
    assert summary(()) == "no difference"
    one = diff(starter(), edited(starter(), SetValue(path="/width", value=128)))
    assert summary(one) == "Whole design: model width 64 → 128"
