"""The Cost page: what it asks, what it says, and what it does with nonsense."""

from dataclasses import replace

import pytest

from app.composer.desk import document
from app.costing import batches, change, compare, findings, why
from app.costing.controls import Chosen
from app.costing.question import Question, costed, needed, plan_of
from core.cost.asking import RefusedError
from core.cost.devices import registry
from core.cost.estimate import Estimate, estimate
from core.cost.figure import exact
from core.cost.formulas import FORMULAS
from core.design.presets.registry import preset
from storage import drafts
from tests.app.test_composer import studio as opened

H100 = registry.device("h100-sxm")
ASKED = Question("decode", 8, 2048, "bf16")


def test_the_page_says_what_the_estimator_says():
    design = preset("mixtral-8x7b")
    found = costed(design, H100, ASKED)
    told = estimate(design, "h100-sxm", phase="decode", batch=8, context=2048, weights="bf16")
    assert isinstance(found, Estimate)
    assert (found.step, found.needs.total) == (told.step, told.needs.total)


def test_the_command_names_what_is_unusual_only():
    plan = plan_of({"tp": 8, "ep": 8, "pp": 1, "dp": 1, "stack": None, "zero": 1, "recompute": "full"})
    asked = Question("train", 8, 2048, "bf16", plan)
    said = "--phase train --batch 8 --context 2048 --weights bf16 --tp 8 --ep 8 --recompute full"
    assert asked.command("h100-sxm") == f"--target h100-sxm {said}"
    assert asked.devices == 8


def test_a_plan_that_does_not_divide_is_refused_in_words():
    found = costed(preset("mixtral-8x7b"), H100, replace(ASKED, plan=(("tp", 3),)))
    assert isinstance(found, RefusedError)
    assert "To fix this" in str(found.problems[0].fix)
    assert needed(preset("mixtral-8x7b"), H100, replace(ASKED, plan=(("tp", 3),))) is None


@pytest.mark.parametrize(("target", "weights"), [("h100-sxm", "bf16"), ("rtx4090", "int8"), ("l4", "int4")])
def test_the_smallest_change_makes_it_fit_and_nothing_less_does(target, weights):
    design, on = preset("mixtral-8x7b"), registry.device(target)
    asked = replace(ASKED, weights=weights)
    wanted = needed(design, on, asked)
    assert wanted is not None
    assert wanted > on.usable
    words = change.change(design, on, asked)
    assert words
    for said, changed in change.changes(design, asked):
        bytes_ = needed(design, on, changed)
        enough = bytes_ is not None and bytes_ <= on.usable
        assert enough == (said == words)
        if said == words:
            break


def test_batches_say_where_every_expert_is_read():
    design = preset("mixtral-8x7b")
    found = [costed(design, H100, replace(ASKED, batch=batch)) for batch in (1, 8, 32, 256)]
    said = batches.time_finding([each for each in found if isinstance(each, Estimate)])
    assert said.endswith("every expert is read from batch 32 on")
    distinct = found[1].asks.distinct
    assert distinct is not None
    assert distinct.figure.value == pytest.approx(8 * (1 - 0.75**8), rel=1e-6)


def test_the_dense_twin_has_the_active_parameters():
    design = preset("mixtral-8x7b")
    chosen = Chosen((H100,), replace(ASKED, price=2.0))
    mine, theirs = compare.figures(design, chosen), compare.figures(compare.twin(design), chosen)
    assert theirs["Total parameters"].value == pytest.approx(mine["Active parameters"].value, rel=1e-3)
    assert mine["Cost of a million tokens"].value == pytest.approx(
        2.0 / 3600 * mine["Time of a step"].value / 8 * 1e6, rel=1e-6
    )
    assert compare.finding(compare.TWIN, mine, theirs).endswith("the time of its dense twin")


def test_no_target_and_a_plan_that_does_not_divide_are_said_on_the_page(db):
    app = opened("cost", drafts.create(db, document(preset("mixtral-8x7b"))).id)
    next(box for box in app.number_input if box.label == "Tensor").set_value(3).run()
    assert not app.exception
    assert any("To fix this" in text.value for text in app.markdown)
    next(box for box in app.number_input if box.label == "Tensor").set_value(2).run()
    assert "--tp 2" in app.code[-1].value
    next(box for box in app.button_group if box.label == "Devices").set_value([]).run()
    assert not app.exception
    assert any("No target is chosen" in text.value for text in app.markdown)


def test_a_figure_says_its_formula_its_inputs_and_what_most_of_it_is():
    found = costed(preset("mixtral-8x7b"), H100, ASKED)
    assert isinstance(found, Estimate)
    told = why.figures(found)
    rows = why.reasons(found, told["Memory"]).set_index("")["This figure"]
    assert rows["Formula"] == "sum of the rows above"
    assert rows["Inputs"].startswith("weights 93.")
    assert rows["Most of it"].startswith("weights, 9")
    assert told["Step"].most.startswith("memory; the longest part is experts")
    for one in told.values():
        shown = why.reasons(found, one).set_index("")["This figure"]
        assert shown["Formula"]
        assert shown["Inputs"]


def test_experts_off_the_device_and_a_price_are_asked_for_on_the_page(db):
    app = opened("cost", drafts.create(db, document(preset("mixtral-8x7b"))).id)
    next(box for box in app.selectbox if box.label == "They lie").select("host").run()
    assert not app.exception
    assert any("experts off the device are not fitted" in text.value for text in app.markdown)
    next(box for box in app.number_input if box.label == "Layers of 32").set_value(8).run()
    next(box for box in app.number_input if box.label == "Price of a device and hour").set_value(2.5).run()
    next(box for box in app.number_input if box.label == "Watts measured").set_value(500.0).run()
    assert not app.exception
    said = app.code[-1].value
    assert said.endswith("--offload host --offload-layers 8 --price 2.5 --watts 500")
    found = costed(preset("mixtral-8x7b"), H100, replace(ASKED, plan=(("offload", "host"),)))
    assert isinstance(found, Estimate)
    assert {dot.name for dot in findings.dots(found)}.isdisjoint({"Experts", "Experts on the host"})
    assert findings.grouped(found)["Experts"] > 0.5 * found.step.value
    assert "; experts on the host take" in findings.what_bounds(found)


def test_every_format_trains_on_the_page_and_says_how(db):
    app = opened("cost", drafts.create(db, document(preset("mixtral-8x7b"))).id)
    next(box for box in app.button_group if box.label == "Phase").set_value("train").run()
    next(box for box in app.selectbox if box.label == "Weights").select("mxfp4").run()
    assert not app.exception
    assert any("copies rounded to mxfp4" in text.value for text in app.markdown)
    assert "--phase train" in app.code[-1].value
    assert "--weights mxfp4" in app.code[-1].value


def test_a_table_of_figures_says_in_words_how_each_follows():
    found = estimate(preset("starter"), "zcu104", phase="decode", batch=1, context=64, weights="w8a8")
    rows = findings.grades(found).set_index("Figure")
    assert rows.loc["DSP", "How it follows"].startswith("Ti To × slices")
    assert not set(rows["How it follows"]) & FORMULAS.keys()


@pytest.mark.parametrize(
    ("memory", "time", "said"),
    [
        (17.2, 3.37, "17 times the memory and 3.37 times the time of its dense twin"),
        (1.001, 1.16, "1.16 times the time of its dense twin, in as much memory"),
        (2.0, 1.0, "2.00 times the memory of its dense twin, in as much time"),
        (1.0, 1.0, "As much memory and time as its dense twin"),
    ],
)
def test_what_is_the_same_is_said_to_be_the_same(memory, time, said):
    def told(bytes_, seconds):
        return {"Memory needed": exact(bytes_, "bytes", "x"), "Time of a step": exact(seconds, "s", "x")}

    assert compare.finding(compare.TWIN, told(memory * 1e9, time), told(1e9, 1.0)) == said
