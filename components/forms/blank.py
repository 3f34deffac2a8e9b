"""A first value for what a form adds: required fields filled, what fits of the old value kept."""

from typing import Any

from components.forms.shapes import Node, Shape, resolved, shape

#: What a union starts with where nothing else is said: the standard choice of the field.
STANDARD = (
    "linear",
    "top_k",
    "renormalised",
    "output_mix",
    "glu",
    "dense",
    "load_balance",
    "jitter",
    "classes",
    "adamw",
)
_NUMBER = 64


def blank(node: Node, defs: dict[str, Node], old: Any = None) -> Any:
    """A value of `node`; fields that `old` has too are kept where they fit."""
    here = shape(node, defs)
    default = here.node.get("default")
    if here.kind == "const":
        return here.node["const"]
    if here.kind == "group":
        return _group(here, defs, old)
    if here.kind == "union":
        return blank(here.kinds[_standard(here)], defs, old)
    if here.kind == "list":
        assert here.item is not None
        items = resolved(node, defs)["items"]
        return [blank(items, defs) for _ in range(here.node.get("minItems", 0))]
    if default is not None:
        return default
    return _scalar(here)


def _scalar(here: Shape) -> Any:
    if here.kind == "either":
        assert here.scalar is not None
        return _scalar(here.scalar)
    if here.kind in ("integer", "number"):
        low, high = here.node.get("minimum", 0), here.node.get("maximum", _NUMBER)
        return max(low, min(_NUMBER if here.kind == "integer" else 1.0, high))
    if here.kind in ("numbers", "texts"):
        return [1.0] * here.node.get("minItems", 0) if here.kind == "numbers" else []
    simple: dict[str, Any] = {"flag": False, "text": "new", "table": {}}
    return here.options[0] if here.options else simple[here.kind]


def _group(here: Shape, defs: dict[str, Node], old: Any) -> dict[str, Any]:
    kept = old if isinstance(old, dict) else {}
    required = set(here.node.get("required", ()))
    value: dict[str, Any] = {}
    for name, node in here.node["properties"].items():
        if "const" in resolved(node, defs):
            value[name] = resolved(node, defs)["const"]
        elif name in kept and _fits(kept[name], shape(node, defs)):
            value[name] = kept[name]
        elif name in required:
            value[name] = blank(node, defs)
    return value


def _fits(value: Any, wanted: Shape) -> bool:
    """Whether a value of another kind can stay: the same plain type, within the limits."""
    if value is None:
        return wanted.optional
    if wanted.kind == "enum":
        return value in wanted.options
    if wanted.kind == "flag":
        return isinstance(value, bool)
    if (
        wanted.kind in ("integer", "number", "either")
        and isinstance(value, int | float)
        and not isinstance(value, bool)
    ):
        low, high = wanted.node.get("minimum", value), wanted.node.get("maximum", value)
        return low <= value <= high and (wanted.kind != "integer" or isinstance(value, int))
    if wanted.kind == "union":
        return isinstance(value, dict) and value.get("kind") in wanted.kinds
    return wanted.kind == "group" and isinstance(value, dict) and set(value) <= set(wanted.node["properties"])


def _standard(here: Shape) -> str:
    return next((kind for kind in STANDARD if kind in here.kinds), next(iter(here.kinds)))
