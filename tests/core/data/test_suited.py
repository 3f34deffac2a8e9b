"""Which data a design trains on where none is named."""

import pytest

from core.data.builtin.text import open_text
from core.data.registry import BUILT_IN
from core.data.suited import suited_data, suits
from core.design.edit import SetValue
from core.design.edits import apply
from core.design.match import match_task
from core.design.plan import Plan
from core.design.presets.methods import Method, methods, with_method
from core.design.presets.registry import plan_for, preset
from core.design.rules import check
from core.design.spec import Design


def fitted(name: str, source: str) -> Design:
    """A starter whose task is that of a built-in data set."""
    facts = next(each for each in BUILT_IN if each.name == source).open().facts
    edit = match_task(preset(name), facts)
    made = apply(preset(name), edit) if edit else preset(name)
    assert isinstance(made, Design)
    return made


@pytest.mark.parametrize("method", methods(), ids=lambda method: method.name)
def test_nothing_is_chosen_only_where_nothing_can_be_trained_on(
    method: Method,
) -> None:
    design, plan = with_method(method), Plan()
    found = suited_data(design, plan)
    given = [found.facts] if found else [each.open().facts for each in BUILT_IN]
    able = [not [p for p in check(design, plan, f, stage="train") if p.severity == "error"] for f in given]
    assert able == [found is not None] * len(able)


@pytest.mark.parametrize("name", ["starter", "digits-vit", "tabular"])
def test_the_data_of_the_plan_comes_first(name: str) -> None:
    found = suited_data(preset(name), plan_for(name))
    assert found is not None
    assert found.facts.name == plan_for(name).data
    assert found.why.startswith(f"Data: {found.facts.name}, which is usual")


@pytest.mark.parametrize(
    ("base", "source"),
    [
        ("digits-vit", "digits"),
        ("tabular", "table:breast_cancer"),
        ("tabular", "synth8"),
        ("starter", "text"),
    ],
)
def test_a_design_made_for_a_data_set_is_given_that_one(base: str, source: str) -> None:
    found = suited_data(fitted(base, source), Plan(data="table:iris"))
    assert found is not None
    assert found.facts.name == source
    assert "Not table:iris: " in found.why


def test_errors_of_the_design_itself_do_not_speak_against_data() -> None:
    published = apply(preset("deepseek-v3"), SetValue(path="/task/context", value=128))
    assert isinstance(published, Design)
    assert [p for p in check(published, Plan(), stage="train") if p.severity == "error"]
    found = suited_data(published, Plan())
    assert found is not None
    assert found.facts.name == "text"
    assert not suits(preset("tabular"), Plan(), open_text().facts)


def test_a_mixture_of_the_plan_is_one_of_the_chosen_data() -> None:
    design = preset("digits-vit")
    assert suited_data(design, Plan(mixture={"3": 1.0, "4": 2.0})) is not None
    assert suited_data(design, Plan(mixture={"english": 1.0})) is None
