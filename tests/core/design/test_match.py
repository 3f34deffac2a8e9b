"""The edit that makes a design's task fit a data set, and the tasks that routers are told."""

import pytest

from core.data.registry import GENERATED
from core.design.edits import apply
from core.design.facts import DataFacts
from core.design.match import match_task, task_for
from core.design.presets.methods import method_edit
from core.design.presets.registry import preset
from core.design.rules import check
from core.design.spec import Design
from core.design.tasks.base import Head

NEXT = Head(name="next", kind="classes", size=256)
TEXT = DataFacts(
    name="two",
    kind="text",
    domains=("prose", "code"),
    heads=(NEXT,),
    causal=True,
    vocabulary=256,
    has_token_id=True,
    has_task_id=True,
    smallest_file=5000,
)
GATE = "/stacks/0/layers/0/pattern/0/parts/1"
STARTERS = {"table": "tabular", "image": "digits-vit", "text": "starter"}


def matched(design: Design, facts: DataFacts) -> Design:
    """The design after the edit that fits its task to the data."""
    edit = match_task(design, facts)
    result = apply(design, edit) if edit else design
    assert isinstance(result, Design)
    return result


def told_tasks(name: str = "starter", pointer: str = GATE) -> Design:
    """A starter whose routers have weights of their own for each task."""
    result = apply(preset(name), method_edit(preset(name), pointer, "m3vit"))
    assert isinstance(result, Design)
    return result


def with_tasks(*names: str) -> Design:
    """The text starter with named tasks."""
    document = preset("starter").model_dump(mode="json")
    document["task"]["tasks"] = list(names)
    return Design.model_validate(document)


def codes(design: Design, facts: DataFacts) -> list[str]:
    """Codes of what stands in the way of training."""
    return [p.code for p in check(design, data=facts, stage="train") if p.severity == "error"]


def test_a_design_that_asks_for_no_task_is_left_as_it_is() -> None:
    assert match_task(preset("starter"), TEXT) is None
    assert preset("starter").task.tasks == ()
    assert "tasks" not in task_for(preset("starter"), TEXT.model_copy(update={"has_task_id": False}))


def test_a_router_that_is_told_the_task_gets_the_domains_of_text() -> None:
    design = told_tasks()
    assert design.tasks == 1
    assert "data-task" in codes(design, TEXT)
    fitted = matched(design, TEXT)
    assert fitted.task.task_names == ("prose", "code")
    assert match_task(fitted, TEXT) is None
    assert "data-task" not in codes(fitted, TEXT)
    assert fitted.parameters - design.parameters == 3 * 8 * design.width  # 3 layers, one more gate of 8


def test_the_offered_edit_mends_the_tasks() -> None:
    design = told_tasks()
    (problem,) = (p for p in check(design, data=TEXT, stage="train") if p.code == "data-task")
    assert "tasks" in problem.message
    mended = apply(design, problem.edits[0])
    assert isinstance(mended, Design)
    assert mended.task.task_names == TEXT.task_names


def test_other_domains_are_other_tasks() -> None:
    fitted = matched(told_tasks(), TEXT)
    other = TEXT.model_copy(update={"name": "three", "domains": ("prose", "code", "sums")})
    assert "data-task" in codes(fitted, other)
    assert matched(fitted, other).task.task_names == other.domains


def test_data_without_tasks_says_so_and_not_that_they_differ() -> None:
    none = TEXT.model_copy(update={"has_task_id": False})
    found = codes(told_tasks(), none)
    assert "no-tasks" in found
    assert "data-task" not in found


def test_heads_are_the_tasks_where_there_are_several() -> None:
    heads = tuple(Head(name=name, kind="binary") for name in ("a", "b"))
    facts = DataFacts(name="t", kind="table", features=3, heads=heads, domains=("x", "y"), has_task_id=True)
    design = matched(preset("tabular"), facts)
    assert facts.task_names == design.task.task_names == ("a", "b")
    assert design.task.tasks == ()
    assert design.tasks == 2


def test_facts_without_task_ids_name_no_task() -> None:
    assert TEXT.model_copy(update={"has_task_id": False}).task_names == ()


def test_patches_are_the_tokens_that_the_data_has() -> None:
    facts = DataFacts(
        name="s",
        kind="image",
        height=16,
        width=16,
        channels=1,
        heads=(Head(name="class"),),
        domains=("a", "b"),
        tokens_per_example=16,
    )
    assert task_for(preset("digits-vit"), facts)["patch"] == 4
    assert task_for(preset("digits-vit"), facts.model_copy(update={"tokens_per_example": 0}))["patch"] == 2


def test_a_task_named_twice_is_refused_and_mended() -> None:
    design = with_tasks("a", "b", "a")
    (problem,) = (p for p in check(design) if p.code == "task-name")
    mended = apply(design, problem.edits[0])
    assert isinstance(mended, Design)
    assert mended.task.tasks == ("a", "b")
    assert not check(mended)


def test_names_of_tasks_change_the_sha_and_none_does_not() -> None:
    assert with_tasks("a").sha != preset("starter").sha == with_tasks().sha


@pytest.mark.parametrize("made", GENERATED, ids=lambda made: made.name)
def test_starters_fit_generated_data(made) -> None:
    if made.n_train > 1000:
        made = type(made)(**{**vars(made), "n_train": 1000, "n_held_out": 100})
    facts = made.open().facts
    design = matched(preset(STARTERS[facts.kind]), facts)
    assert codes(design, facts) == []
    assert design.task.task_names == facts.task_names
