"""The schema holds no shape that a form cannot draw, and every value a form adds is one the design takes."""

import pytest

from components.forms.blank import blank
from components.forms.shapes import UndrawableError, at, shape, walk
from core.design import schema
from core.design.base import Choice
from core.design.plan import Plan
from core.design.pointer import get, steps
from core.design.presets.registry import names, preset
from core.design.spec import Design

DEFS = schema.document()["$defs"]
MEMBERS = [
    (choice, kind)
    for name, choice in sorted(Choice.known.items())
    if name != "edit"
    for kind in sorted(choice.members)
]


@pytest.mark.parametrize("root", [Design, Plan])
def test_every_shape_of_the_schema_can_be_drawn(root):
    document = schema.document(root)
    found = walk({"$ref": document["$ref"]}, document["$defs"])
    assert len(found) > 30
    kinds = {one.kind for one in found}
    assert {"integer", "number", "enum", "union", "group", "text"} <= kinds


@pytest.mark.parametrize(
    "node",
    [
        {},
        {"type": "array", "items": {"type": "boolean"}},
        {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        {"oneOf": [{"type": "string"}]},
        {"type": "object"},
    ],
    ids=str,
)
def test_a_shape_without_an_element_is_refused(node):
    with pytest.raises(UndrawableError):
        shape(node, DEFS)


@pytest.mark.parametrize(("choice", "kind"), MEMBERS, ids=lambda v: v if isinstance(v, str) else v.name)
def test_a_value_that_a_form_adds_is_valid(choice, kind):
    node = {"$ref": f"#/$defs/{choice.members[kind].__name__}"}
    assert choice.parse(blank(node, DEFS)).kind == kind


def test_a_change_of_kind_keeps_what_fits():
    old = {"kind": "glu", "count": 8, "hidden": 96, "activation": "gelu", "bias": True, "clamp": 2.0}
    new = blank({"$ref": "#/$defs/Mlp"}, DEFS, old)
    assert new == {"kind": "mlp", "count": 8, "hidden": 96, "activation": "gelu", "bias": True}


@pytest.mark.parametrize("name", names())
def test_every_place_of_a_design_has_its_schema(name):
    document = preset(name).model_dump(mode="json")
    root = {"$ref": schema.document()["$ref"]}

    def visit(value, pointer):
        assert shape(at(steps(pointer), document, root, DEFS), DEFS)
        children = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        for key, child in children:
            visit(child, f"{pointer}/{key}")

    visit(get(document, ""), "")


def test_a_place_outside_is_an_error():
    with pytest.raises(KeyError):
        at(["nothing"], preset("starter").model_dump(mode="json"), {"$ref": schema.document()["$ref"]}, DEFS)
