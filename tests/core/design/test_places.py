"""The same mistake in many places is one problem, one edit mends them all, and checking stays quick."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings

from core.design.edit import Batch
from core.design.edits import apply, parse
from core.design.presets.registry import preset
from core.design.problems import Problem
from core.design.rules import check, errors, faults
from core.design.spec import Design
from tests.core.design.samples import starter
from tests.strategies import any_designs


def unrolled(design: Design) -> Design:
    """Each layer of the first stack alone in a repeat of its own."""
    content = design.model_dump(mode="json")
    stack = content["stacks"][0]
    stack["layers"] = [
        {"times": 1, "pattern": r["pattern"]} for r in stack["layers"] for _ in range(r["times"])
    ]
    result = parse(content)
    assert isinstance(result, Design)
    return result


def with_layers(*layers: list[dict[str, Any]]) -> Design:
    """The starter with these parts instead, one list a layer."""
    content = starter().model_dump(mode="json")
    content["stacks"][0]["layers"] = [{"times": 1, "pattern": [{"parts": parts}]} for parts in layers]
    return Design.model_validate(content)


DENSE = {"body": {"kind": "dense", "expert": {"kind": "mlp", "hidden": 64}}}
LATE = {**DENSE, "reads": 5}


def test_one_problem_and_one_edit_for_all_layers_alike() -> None:
    design = unrolled(preset("deepseek-v3"))
    found = check(design, stage="train")
    (mixer,) = [problem for problem in found if "'mla'" in problem.message]
    assert len(mixer.places) == 61
    assert "The same in 60 other places." in mixer.message
    assert [part.path for part in mixer.apart()] == [
        f"/stacks/0/layers/{i}/pattern/0/parts/0/body" for i in range(61)
    ]
    (edit,) = mixer.edits
    assert edit.label == "Use attention in 61 places"
    mended = apply(design, edit)
    assert isinstance(mended, Design)
    assert {layer.pattern[0].parts[0].body.kind for layer in mended.stacks[0].layers} == {"attention"}
    assert not any("'mla'" in problem.message for problem in faults(mended, stage="train"))


def test_every_edit_of_the_unrolled_design_mends_what_it_says() -> None:
    design = unrolled(preset("deepseek-v3"))
    before = errors(check(design, stage="train"))
    assert len(before) == 5
    for problem in before:
        (edit,) = problem.edits
        mended = apply(design, edit)
        assert isinstance(mended, Design)
        left = errors(tuple(faults(mended, stage="train")))
        assert {p.message for p in left} <= {p.message for p in before} - {problem.message} | {
            p.message for p in left if p.code == "too-large"
        }


def test_mistakes_in_one_list_are_taken_out_from_the_last() -> None:
    content = starter().model_dump(mode="json")
    body = next(
        part["body"]
        for repeat in content["stacks"][0]["layers"]
        for part in repeat["pattern"][0]["parts"]
        if part["body"]["kind"] == "moe"
    )
    body["router"]["modifiers"] = [{"kind": "drop_experts", "rate": 0.9}] * 2
    design = Design.model_validate(content)
    (problem,) = [p for p in errors(check(design)) if p.code == "drop-too-many"]
    assert len(problem.places) == 2
    for edit in problem.edits:
        mended = apply(design, edit)
        assert isinstance(mended, Design)
        assert not errors(check(mended))


def test_other_words_or_other_fields_stay_problems_of_their_own() -> None:
    design = with_layers([DENSE, LATE], [LATE, DENSE], [DENSE, LATE])
    found = errors(check(design))
    assert [problem.places for problem in found] == [
        ("/stacks/0/layers/0/pattern/0/parts/1/reads", "/stacks/0/layers/2/pattern/0/parts/1/reads"),
        ("/stacks/0/layers/1/pattern/0/parts/0/reads",),
    ]
    mended = apply(design, found[0].edits[0])
    assert isinstance(mended, Design)
    assert [p.path for p in check(mended)] == [found[1].path]


def test_more_places_than_a_batch_holds() -> None:
    design = with_layers(*[[DENSE] * 2 + [{**LATE, "reads": 9}]] * 200)
    content = design.model_dump(mode="json")
    for repeat in content["stacks"][0]["layers"]:
        repeat["pattern"] *= 2
    (problem,) = errors(check(Design.model_validate(content)))
    assert len(problem.places) == 400
    (edit,) = problem.edits
    assert isinstance(edit, Batch)
    assert len(edit.edits) == 2
    mended = apply(Design.model_validate(content), edit)
    assert isinstance(mended, Design)
    assert check(mended) == ()


@settings(max_examples=40)
@given(any_designs())
def test_equal_layers_have_the_problems_of_one(design: Design) -> None:
    """Layers asked one by one, and equal layers asked once, say the same in the same places."""
    content = design.model_dump(mode="json")
    for stack in content["stacks"]:
        stack["layers"] = [{**repeat, "times": 1} for repeat in stack["layers"] for _ in range(2)]
    doubled = Design.model_validate(content)
    # With turns of its own, no layer is equal to another.
    for stack in content["stacks"]:
        for r, repeat in enumerate(stack["layers"]):
            repeat["times"] = 1 + r
    apart = Design.model_validate(content)

    def said(of: Design) -> set[tuple[str, str, int]]:
        return {(p.code, place, len(p.places)) for p in faults(of, stage="cost") for place in p.places}

    assert said(doubled) == said(apart)


@settings(max_examples=40)
@given(any_designs())
def test_parameters_are_the_sum_of_the_weights(design: Design) -> None:
    assert design.parameters == sum(placed.times * placed.weight.size for placed in design.weights())


def test_a_layer_that_cannot_be_read_is_told_by_its_place() -> None:
    content = starter().model_dump(mode="json")
    content["stacks"][0]["layers"].append({"times": 0, "pattern": []})
    result = parse(content)
    assert isinstance(result, Problem)
    assert result.path.startswith(f"/stacks/0/layers/{len(content['stacks'][0]['layers']) - 1}/")


def test_equal_layers_are_read_once_and_unequal_ones_apart() -> None:
    design = unrolled(preset("deepseek-v3"))
    layers = design.stacks[0].layers
    assert layers[4] is layers[60]
    assert layers[0] is not layers[4]
    assert design == Design.model_validate(design.model_dump(mode="json"))


def test_the_shrinking_edit_is_the_same_for_a_design_written_out() -> None:
    found = [
        next(p for p in check(design, stage="train") if p.code == "too-large")
        for design in (preset("deepseek-v3"), unrolled(preset("deepseek-v3")))
    ]
    assert found[0].edits == found[1].edits
