"""Adding, moving and taking away are edits that give a valid design and say where to look then."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.canvas.additions import NAMES, addition, duplication, moe_at, part_at, removal, shift
from core.design.edits import apply
from core.design.pointer import get
from core.design.presets.registry import names, preset
from core.design.rules import check, errors
from core.design.spec import Design
from tests.strategies import any_designs

LAYER = "/stacks/0/layers/0/pattern/0"
MOE = f"{LAYER}/parts/1"


@pytest.mark.parametrize("what", sorted(NAMES))
@pytest.mark.parametrize("name", names())
def test_an_addition_is_a_valid_design_without_new_errors(name, what):
    design = preset(name)
    found = addition(design, what, next(design.parts()).pointer)
    if found is None:
        assert what in ("expert_group", "shared_expert")
        assert moe_at(design, "") is None
        return
    edit, target = found
    after = apply(design, edit)
    assert isinstance(after, Design)
    assert get(after.model_dump(mode="json"), target) is not None
    # One expert more cannot be cut into the same islands; that is said, with its repair.
    assert {problem.code for problem in errors(check(after))} <= {"islands-divide"}
    assert after.sha != design.sha


def test_an_expert_group_is_one_more_like_the_chosen():
    edit, target = addition(preset("starter"), "expert_group", f"{MOE}/body/experts/0")
    after = apply(preset("starter"), edit)
    assert target == f"{MOE}/body/experts/1"
    assert [(g.count, g.inner) for g in after.stacks[0].layers[0].pattern[0].parts[1].body.experts] == [
        (8, 128),
        (1, 128),
    ]


def test_the_last_part_takes_its_layer_along_and_the_last_layer_stays():
    design = preset("tabular")
    assert (
        removal(design, f"{LAYER}/parts/0")
        == "This is the only layer left. Add another one before you remove it."
    )
    grown = apply(design, addition(design, "layer", LAYER)[0])
    after = apply(grown, removal(grown, f"{LAYER}/parts/0"))
    assert len(after.stacks[0].layers[0].pattern) == 1
    assert [part.body.kind for part in after.stacks[0].layers[0].pattern[0].parts] == ["attention", "moe"]


def test_a_shared_expert_can_go_altogether():
    design = preset("fine-grained")
    after = apply(design, removal(design, f"{MOE}/body/shared/0"))
    assert after.stacks[0].layers[0].pattern[0].parts[1].body.shared == ()


def test_parts_move_within_their_layer_only():
    design = preset("starter")
    edit, target = shift(design, f"{LAYER}/parts/1", -1)
    after = apply(design, edit)
    assert target == f"{LAYER}/parts/0"
    assert [part.body.kind for part in after.stacks[0].layers[0].pattern[0].parts] == ["moe", "attention"]
    assert shift(design, f"{LAYER}/parts/1", 1) is None
    assert shift(design, "/task", 1) is None


def test_what_cannot_be_removed_says_so():
    assert "cannot be removed" in removal(preset("starter"), "/embedding")
    assert duplication("/task") is None


@settings(max_examples=40, deadline=None)
@given(any_designs(), st.sampled_from(sorted(NAMES)), st.integers(0, 50))
def test_any_act_on_any_design_gives_a_design(design, what, number):
    parts = [part.pointer for part in design.parts()]
    target = parts[number % len(parts)]
    assert part_at(design, f"{target}/body") == target
    for edit in (addition(design, what, target), duplication(target), shift(design, target, 1)):
        if edit is not None:
            result = apply(design, edit[0])
            # Lists have a most; that is the only reason why a valid part cannot join.
            assert isinstance(result, Design) or "at most" in str(result)
    edit = removal(design, target)
    assert isinstance(edit, str) or str(apply(design, edit))
