"""Widgets show the design and answer with edits."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from core.design.edits import apply
from core.design.presets.registry import names, preset
from core.design.spec import Design


def script(document: str, *pointers: str) -> None:
    import json

    import streamlit as st

    from components.forms.form import Form
    from core.design.edits import apply
    from core.design.problems import Problem
    from core.design.spec import Design

    design = st.session_state.get("design") or Design.model_validate_json(document)

    def emit(edit):
        result = apply(design, edit)
        st.session_state["edit"] = edit.model_dump(mode="json")
        if not isinstance(result, Problem):
            st.session_state["design"] = result

    for pointer in pointers:
        Form(json.loads(design.model_dump_json()), emit).at(pointer)


def drawn(design: Design, *pointers: str) -> AppTest:
    args = (design.model_dump_json(), *pointers)
    return AppTest.from_function(script, args=args, default_timeout=20).run()


@pytest.mark.parametrize("name", names())
def test_every_part_of_every_preset_has_a_form(name):
    design = preset(name)
    bodies = {part.part.body.kind: part.pointer for part in design.parts()}
    pointers = ("/task", "/embedding", "/norm", *bodies.values())
    app = drawn(design, *pointers)
    assert not app.exception
    keys = {widget.key for kind in ("selectbox", "number_input", "toggle") for widget in app.get(kind)}
    assert all(any(key.startswith(f"form:{pointer}") for key in keys) for pointer in pointers)


def test_a_number_answers_with_an_edit_that_says_what_changed():
    app = drawn(preset("starter"), "/stacks/0/layers/0/pattern/0/parts/1/body/experts/0")
    app.number_input(key="form:/stacks/0/layers/0/pattern/0/parts/1/body/experts/0/count").set_value(16).run()
    edit = app.session_state["edit"]
    assert (edit["kind"], edit["value"], edit["label"]) == ("set", 16, "Count 8 → 16")
    assert app.number_input[0].value == 16


def test_widgets_follow_the_design_and_not_what_was_typed():
    app = drawn(preset("starter"), "/embedding")
    app.session_state["design"] = preset("dense-twin").model_copy(
        update={"embedding": preset("starter").embedding.model_copy(update={"tied": False})}
    )
    app.run()
    assert app.toggle(key="form:/embedding/tied").value is False


def test_another_kind_keeps_the_width():
    pointer = "/stacks/0/layers/0/pattern/0/parts/1/body/experts/0"
    app = drawn(preset("starter"), pointer)
    app.selectbox(key=f"form:{pointer}:kind").set_value("mlp").run()
    assert app.session_state["edit"]["value"] == {
        "kind": "mlp",
        "count": 8,
        "hidden": 128,
        "activation": "silu",
    } | ({"bias": False})


def test_an_optional_part_is_switched_on_and_off():
    pointer = "/stacks/0/layers/0/pattern/0/parts/1/body/router"
    app = drawn(preset("starter"), pointer)
    app.toggle(key=f"form:{pointer}/capacity:on").set_value(True).run()
    capacity = app.session_state["design"].stacks[0].layers[0].pattern[0].parts[1].body.router.capacity
    assert capacity.train == 1.25
    app.toggle(key=f"form:{pointer}/capacity:on").set_value(False).run()
    assert app.session_state["edit"]["value"] is None


def test_a_list_grows_and_shrinks():
    pointer = "/stacks/0/layers/0/pattern/0/parts/1/body"
    app = drawn(preset("starter"), pointer)
    app.selectbox(key=f"form:{pointer}/balance:add").set_value("z_loss").run()
    assert app.session_state["edit"]["kind"] == "insert"
    app.button(key=f"form:{pointer}/balance/0:remove").click().run()
    kinds = [b.kind for b in app.session_state["design"].stacks[0].layers[0].pattern[0].parts[1].body.balance]
    assert kinds == ["z_loss"]


def test_a_number_becomes_a_schedule_and_a_number_again():
    pointer = "/stacks/0/layers/0/pattern/0/parts/1/body/router/select"
    app = drawn(preset("starter"), pointer)
    app.selectbox(key=f"form:{pointer}/k:kind").set_value("linear").run()
    assert app.session_state["edit"]["value"] == {"kind": "linear", "start": 2, "end": 2}
    app.number_input(key=f"form:{pointer}/k/end").set_value(4).run()
    app.selectbox(key=f"form:{pointer}/k:kind").set_value("constant").run()
    assert app.session_state["design"].stacks[0].layers[0].pattern[0].parts[1].body.router.select.k == 2


def test_a_table_is_text_with_a_line_for_each_row():
    document = preset("digits-vit").model_dump(mode="json")
    router = document["stacks"][0]["layers"][1]["pattern"][0]["parts"][1]["body"]["router"]
    router["condition"] = {"kind": "skill_table", "rows": {"digit": [0, 1]}}
    design = Design.model_validate(document)
    pointer = "/stacks/0/layers/1/pattern/0/parts/1/body/router/condition"
    app = drawn(design, pointer)
    area = app.text_area(key=f"form:{pointer}/rows")
    assert area.value == "digit: 0, 1"
    area.set_value("digit: 0, 1\nparity: 5").run()
    assert app.session_state["edit"]["value"] == {"digit": [0, 1], "parity": [5]}
    app.text_area(key=f"form:{pointer}/rows").set_value("digit: many").run()
    refused = app.session_state["edit"]
    assert "wrong" in str(apply(design, _edit(refused)))


def _edit(document):
    from core.design.edit import EDIT

    return EDIT.parse(json.loads(json.dumps(document)))
