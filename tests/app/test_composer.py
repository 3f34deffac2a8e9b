"""The Start, Design and Cost pages with an open design."""

import json
import re

import pytest
from streamlit.testing.v1 import AppTest

from app.composer import dial
from app.composer.desk import document, read
from app.composer.method import method_of
from app.composer.place import place
from app.composer.sentences import body_formula, formula_of, sentence
from app.composer.shelf import note, sizes
from app.composer.weight import weight_line
from core.design.bodies.moe import Moe
from core.design.edit import SetValue
from core.design.edits import apply
from core.design.presets.methods import method_edit
from core.design.presets.registry import preset
from core.design.spec import Design
from storage import database, drafts
from tests.app.visiting import seen

MOE = "/stacks/0/layers/0/pattern/0/parts/1"


@pytest.fixture
def db(tmp_path, monkeypatch):
    monkeypatch.setenv("MOE_STUDIO_DATA", str(tmp_path))
    opened = database.open(tmp_path)
    yield opened
    opened.close()


def studio(view: str, design: str | None = None) -> AppTest:
    app = AppTest.from_file("../../app/main.py", default_timeout=60)
    if design is not None:
        app.query_params["design"] = design
    app.run()
    app.switch_page(f"views/{view}.py").run()
    assert not app.exception
    return app


def with_menu(app: AppTest, design: str) -> AppTest:
    """With the menu beside the name open."""
    app.session_state[f"versions:{design}:0"] = True
    return app.run()


def strip_of(app: AppTest) -> dict[str, dict[str, str]]:
    cells = json.loads(app.get_by_key("strip").proto.json)["cells"]
    return {cell["label"]: cell for cell in cells}


def test_from_eight_experts_to_sixteen_the_cost_moves(db):
    draft = drafts.create(db, document(preset("starter")))
    app = studio("design", draft.id)
    before = strip_of(app)["Total parameters"]
    (experts,) = [widget for widget in app.number_input if widget.label == "Experts"]
    assert experts.value == 8
    experts.set_value(16).run()
    after = strip_of(app)["Total parameters"]
    assert after["value"] != before["value"]
    assert after["delta"].startswith("↑")
    assert read(drafts.get(db, draft.id).design).stacks[0].layers[0].pattern[0].parts[1].body.count == 16
    next(button for button in app.button if button.label == "Undo").click().run()
    assert strip_of(app)["Total parameters"]["value"] == before["value"]
    assert next(widget for widget in app.number_input if widget.label == "Experts").value == 8


def test_one_layer_is_taken_out_of_its_repeat(db):
    draft = drafts.create(db, document(preset("starter")))
    app = studio("design", draft.id)
    scope = next(control for control in app.button_group if control.label == "Applies to")
    scope.set_value("One layer").run()
    next(box for box in app.selectbox if box.label == "Which one").set_value(1).run()
    next(button for button in app.button if button.label == "Take it out of the repeat").click().run()
    layers = read(drafts.get(db, draft.id).design).stacks[0].layers
    assert [repeat.times for repeat in layers] == [1, 1, 1]
    assert "Layer 2" in [button.label for button in app.button]


def test_a_problem_is_listed_with_a_button_that_mends_it(db):
    broken = apply(preset("starter"), SetValue(path=f"{MOE}/body/router/select/k", value=10))
    draft = drafts.create(db, document(broken))
    app = studio("design", draft.id)
    mend = next(b for b in app.button if seen(b.label) == "Set top-k to 8")
    mend.click().run()
    fixed = read(drafts.get(db, draft.id).design)
    assert fixed.stacks[0].layers[0].pattern[0].parts[1].body.router.select.k == 8


def test_a_preset_from_the_file_menu_is_opened_once(db):
    draft = drafts.create(db, document(preset("starter")))
    app = with_menu(studio("design", draft.id), draft.id)
    box = next(box for box in app.selectbox if box.label == "New from a preset")
    box.set_value("tabular").run().run()
    assert [draft.name for draft in drafts.listing(db)] == [preset("tabular").name, preset("starter").name]
    app = with_menu(app, drafts.listing(db)[0].id)
    assert next(box for box in app.selectbox if box.label == "New from a preset").value is None


def test_a_name_that_only_gains_a_blank_stays(db):
    draft = drafts.create(db, document(preset("starter")))
    app = with_menu(studio("design", draft.id), draft.id)
    next(field for field in app.text_input if field.label == "Name").set_value("Starter ").run()
    assert drafts.get(db, draft.id).revision == draft.revision


def test_names_and_refusals_are_shown_as_text(db):
    image = "![x](http://example.org/a.png)"
    hostile = preset("starter").model_copy(update={"name": image})
    app = studio("design", drafts.create(db, document(hostile)).id)
    app.session_state["studio.desk"].select("")
    app.session_state["studio.desk"].message = image
    app.run()
    shown = [*app.caption, *app.warning, *app.markdown, *app.title, *app.subheader]
    assert any(image in seen(element.value) for element in app.caption)
    assert [element.value for element in shown if image in element.value] == []


@pytest.mark.parametrize("view", ["design", "cost"])
def test_a_design_that_is_gone_is_named(db, view):
    app = studio(view, "long-gone-123456")
    assert any("long-gone-123456" in seen(text.value) for text in app.markdown)


@pytest.mark.parametrize("name", ["starter", "deepseek-v3", "digits-vit", "tabular", "switch-base-8"])
def test_cost_pages_for_designs_of_all_tasks(db, name):
    app = studio("cost", drafts.create(db, document(preset(name))).id)
    assert seen(app.title[0].value) == preset(name).name
    assert f"python -m app cost {name} --target" in app.code[-1].value
    half = next(control for control in app.button_group if control.label == "Targets")
    half.set_value("FPGA").run()
    assert not app.exception
    assert "--target zcu104" in app.code[-1].value


def test_what_a_device_lacks_is_that_of_the_smallest_format(db):
    app = studio("cost", drafts.create(db, document(preset("deepseek-v3"))).id)
    found = [seen(text.value) for text in app.markdown if "fits no single device" in text.value]
    assert len(found) == 1
    # 671 B parameters in 4 bits are 336 GB, and the device has 80.
    assert re.search(r"H100 SXM misses [23]\d\d\u2009GB at least", found[0])


def test_start_lists_designs_and_opens_the_starter(db):
    app = studio("start")
    assert any("will be listed here" in text.value for text in app.markdown)
    next(button for button in app.button if "Open the starter" in button.label).click().run()
    assert not app.exception
    assert [draft.name for draft in drafts.listing(db)] == ["Starter"]
    assert app.title[0].value == "Starter"


def test_words_about_a_design():
    assert note(preset("deepseek-v3")) == "61 layers, 256 experts, top-8, 1 shared"
    assert sizes(preset("mixtral-8x7b")) == "46.7\u2009B total · 12.9\u2009B active"


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("", "Whole design"),
        ("/task", "Design › Task"),
        ("/stacks/0/layers/0", "Design › Layers 1–3"),
        (MOE, "Design › Layers 1–3 › MoE layer"),
        (f"{MOE}/body/router", "Design › Layers 1–3 › MoE layer › Router"),
        (f"{MOE}/body/router/combine", "Design › Layers 1–3 › MoE layer › Combine"),
        (f"{MOE}/body/experts/0", "Design › Layers 1–3 › MoE layer › Expert group"),
    ],
)
def test_the_inspector_says_where_it_is(target, said):
    here = place(preset("starter"), target)
    assert " › ".join([*(step.name for step in here.above), here.name]) == said


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("", "657.3\u2009k parameters, "),
        ("/stacks/0/layers/0", "640.9\u2009k parameters, "),
        (f"{MOE}/body/router", "512 parameters, 1\u2009024 FLOPs per token, 0.2\u2009% of the layer."),
        (f"{MOE}/body/router/combine", ""),
        ("/norm", ""),
    ],
)
def test_what_a_selection_weighs(target, said):
    line = weight_line(preset("starter"), target)
    assert line.startswith(said) if said else line == ""


def test_a_part_costs_what_the_drawing_says():
    mixtral = preset("mixtral-8x7b")
    attention = "/stacks/0/layers/0/pattern/0/parts/0"
    said = weight_line(mixtral, attention)
    assert said.startswith("41.9\u2009M parameters, 117.4\u2009M FLOPs per token, 2.9")
    assert "0.002\u2009% of the layer" in weight_line(mixtral, f"{MOE}/body/router")


@pytest.mark.parametrize(
    "name", ["starter", "deepseek-v3", "switch-base-8", "jamba-v0.1", "blank", "longcat-flash"]
)
def test_every_selection_has_a_place_and_a_weight(name):
    design = preset(name)
    for placed in design.parts():
        for below in ("", "/body/router", "/body/experts/0", "/body/shared/0", "/body/router/combine"):
            assert place(design, f"{placed.pointer}{below}").name
            weight_line(design, f"{placed.pointer}{below}")


def test_a_layer_knows_its_method():
    assert method_of(preset("starter"), MOE).title == "Top-k softmax"
    v3 = preset("deepseek-v3")
    routed = next(placed.pointer for placed in v3.parts() if placed.part.body.kind == "moe")
    assert (
        method_of(v3, routed).name == "deepseek-v3"
    )  # Without the loss that the method has beside its bias.
    bare = apply(preset("starter"), SetValue(path=f"{MOE}/body/router/weigh/scale", value=3.0))
    assert method_of(bare, MOE) is None


def test_a_method_is_chosen_in_one_step(db):
    draft = drafts.create(db, document(preset("starter")))
    app = studio("design", draft.id)
    app.session_state["studio.desk"].select(f"{MOE}/body/router")
    app.run()
    box = next(box for box in app.selectbox if box.label == "Method")
    assert box.value == "top-k"
    box.set_value("loss-free").run()
    assert not app.exception
    moe = read(drafts.get(db, draft.id).design).stacks[0].layers[0].pattern[0].parts[1].body
    assert [balancer.kind for balancer in moe.balance] == ["bias_update"]
    assert next(box for box in app.selectbox if box.label == "Method").value == "loss-free"


def test_the_size_dial_shows_what_comes_and_is_one_step(db):
    draft = drafts.create(db, document(preset("starter")))
    app = studio("design", draft.id)
    app.session_state["studio.desk"].select("")
    app.run()
    turn = next(button for button in app.button if button.label == "Apply")
    assert turn.disabled
    width = next(slider for slider in app.select_slider if slider.label == "Width")
    width.set_value(2.0).run()
    told = next(seen(text.value) for text in app.caption if "→" in text.value)
    assert "parameters: width 64 → 128" in told
    next(button for button in app.button if button.label == "Apply").click().run()
    saved = drafts.get(db, draft.id)
    assert read(saved.design).width == 128
    assert saved.undo == "Size dial: ×2 width"
    next(box for box in app.text_input if box.label == "Or aim at parameters").set_value("1 M").run()
    next(button for button in app.button if button.label == "Apply").click().run()
    saved = drafts.get(db, draft.id)
    assert 0.8e6 < read(saved.design).parameters < 1.25e6
    assert saved.undo.startswith("Size dial: about 1")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("100 M", 10**8),
        ("1.5B", 1_500_000_000),
        ("7 b parameters", 7 * 10**9),
        ("1 000 000", 10**6),
        ("0", None),
        ("-3", None),
        ("many", None),
        ("9" * 30, None),
        ("", None),
    ],
)
def test_a_size_is_read_from_words(text, number):
    assert dial.parameters(text) == number


def test_the_routing_rule_in_symbols():
    router = preset("starter").model_dump(mode="json")["stacks"][0]["layers"][0]["pattern"][0]["parts"][1][
        "body"
    ]["router"]
    assert r"\mathrm{softmax}" in formula_of(router)
    assert r"\mathrm{top}_{2}" in formula_of(router)
    assert formula_of(router | {"score": {"kind": "cosine"}}) == ""


def test_what_is_folded_away_is_not_drawn_until_it_is_opened(db):
    draft = drafts.create(db, document(preset("starter")))
    app = studio("design", draft.id)
    assert "Islands" not in {widget.label for widget in app.number_input}
    app.session_state[f"kind:{MOE}"] = True
    app.run()
    (islands,) = [widget for widget in app.number_input if widget.label == "Islands"]
    islands.set_value(2).run()
    assert not app.exception
    assert read(drafts.get(db, draft.id).design).stacks[0].layers[0].pattern[0].parts[1].body.islands == 2
    assert "Islands" in {widget.label for widget in app.number_input}


@pytest.mark.parametrize(
    ("method", "symbols", "word"),
    [
        ("top-k", r"\in S", "picks experts"),
        ("smear", r"\theta_e", "weights of all experts are averaged"),
        ("soft-moe", "D_", "slots"),
    ],
)
def test_a_layer_says_how_its_answer_is_made(method: str, symbols: str, word: str):
    design = preset("digits-vit")
    part = next(placed for placed in design.parts() if isinstance(placed.part.body, Moe))
    changed = apply(design, method_edit(design, part.pointer, method))
    assert isinstance(changed, Design)
    body = next(placed for placed in changed.parts() if placed.pointer == part.pointer).part.body
    assert isinstance(body, Moe)
    assert symbols in body_formula(body)
    assert word in sentence("moe", body)
    assert sentence("combine", body) != sentence("moe", body)
