"""The shapes that a JSON Schema of the vocabulary takes, and how each is drawn."""

from dataclasses import dataclass, field
from typing import Any, Literal

Node = dict[str, Any]
ShapeKind = Literal[
    "const",
    "enum",
    "flag",
    "integer",
    "number",
    "text",
    "group",
    "union",
    "list",
    "numbers",
    "texts",
    "table",
    "either",
]
_SCALAR: dict[str, ShapeKind] = {
    "boolean": "flag",
    "integer": "integer",
    "number": "number",
    "string": "text",
}


class UndrawableError(Exception):
    """The schema has a shape that no form element draws."""


@dataclass(frozen=True)
class Shape:
    """One value of a form.

    `optional`: may be null. `node` holds limits, `unit`, `step`, `symbol`, `advanced`, default, description.
    `kinds` are the members of a union by their kind; `item` is what a list or table holds; `scalar` and
    `kinds` are both there for a number that may be a schedule; `options` are values to choose from.
    """

    kind: ShapeKind
    node: Node
    optional: bool = False
    kinds: dict[str, Node] = field(default_factory=dict)
    item: "Shape | None" = None
    scalar: "Shape | None" = None
    options: tuple[Any, ...] = ()


def resolved(node: Node, defs: dict[str, Node]) -> Node:
    """The node with its reference written out; keys beside the reference win."""
    if "$ref" not in node:
        return node
    target = defs[node["$ref"].rsplit("/", 1)[1]]
    return {**target, **{key: value for key, value in node.items() if key != "$ref"}}


def shape(node: Node, defs: dict[str, Node]) -> Shape:
    """How `node` is drawn. Raises UndrawableError."""
    node = resolved(node, defs)
    if "const" in node:
        return Shape("const", node)
    if "enum" in node:
        return Shape("enum", node, options=tuple(node["enum"]))
    if "oneOf" in node:
        return Shape("union", node, kinds=_members(node))
    if "anyOf" in node:
        return _any_of(node, defs)
    if node.get("type") in _SCALAR:
        return Shape(_SCALAR[node["type"]], node)
    if node.get("type") == "array" and "items" in node:
        return _list(node, defs)
    if node.get("type") == "object":
        return _object(node, defs)
    raise UndrawableError(f"no form element for {str(node)[:200]}")


def _members(node: Node) -> dict[str, Node]:
    mapping = node.get("discriminator", {}).get("mapping", {})
    if not mapping:
        raise UndrawableError(f"a union that nothing tells apart: {str(node)[:200]}")
    return {kind: {"$ref": reference} for kind, reference in mapping.items()}


def _any_of(node: Node, defs: dict[str, Node]) -> Shape:
    """Optional values, a number or a schedule, one of some words or a number."""
    outer = {key: value for key, value in node.items() if key != "anyOf"}
    entries = [entry for entry in node["anyOf"] if entry.get("type") != "null"]
    optional = len(entries) < len(node["anyOf"])
    shapes = [shape({**resolved(entry, defs), **outer}, defs) for entry in entries]
    if len(shapes) == 1:
        only = shapes[0]
        return Shape(only.kind, only.node, True, only.kinds, only.item, only.scalar, only.options)
    kinds = {s.kind for s in shapes}
    scalar = next((s for s in shapes if s.kind in ("integer", "number")), None)
    other = next((s for s in shapes if s.kind in ("union", "enum")), None)
    if len(shapes) == 2 and scalar and other and not optional:
        if other.kind == "union":
            return Shape("either", scalar.node, kinds=other.kinds, scalar=scalar)
        return Shape("either", scalar.node, scalar=scalar, options=other.options)
    raise UndrawableError(f"no form element for one of {sorted(kinds)}")


def _list(node: Node, defs: dict[str, Node]) -> Shape:
    item = shape(node["items"], defs)
    if item.kind in ("integer", "number"):
        return Shape("numbers", node, item=item)
    if item.kind == "text":
        return Shape("texts", node, item=item)
    if item.kind in ("union", "group"):
        return Shape("list", node, item=item)
    raise UndrawableError(f"no form element for a list of {item.kind}")


def _object(node: Node, defs: dict[str, Node]) -> Shape:
    if "properties" in node:
        return Shape("group", node)
    inner = node.get("additionalProperties")
    if isinstance(inner, dict):
        item = shape(inner, defs)
        if item.kind in ("numbers", "number", "integer"):
            return Shape("table", node, item=item)
    if node.get("additionalProperties") is False:
        return Shape("group", {**node, "properties": {}})
    raise UndrawableError(f"no form element for {str(node)[:200]}")


def walk(node: Node, defs: dict[str, Node], seen: set[str] | None = None) -> list[Shape]:
    """Every shape that can be reached from `node`; each definition once."""
    seen = set() if seen is None else seen
    reference = node.get("$ref", "")
    if reference in seen:
        return []
    seen |= {reference} - {""}
    here = shape(node, defs)
    below = [*here.kinds.values(), *resolved(node, defs).get("properties", {}).values()]
    if here.item is not None:
        items = resolved(node, defs)
        below.append(items.get("items") or items["additionalProperties"])
    below += [entry for entry in node.get("anyOf", ()) if entry.get("type") != "null"]
    return [here, *(inner for child in below for inner in walk(child, defs, seen))]


def at(pointer: list[str], document: Any, node: Node, defs: dict[str, Node]) -> Node:
    """The schema of what stands at `pointer` in `document`. KeyError where the schema has no such place."""
    for key in pointer:
        here = shape(node, defs)
        if here.kinds and isinstance(document, dict):
            node = here.kinds[document["kind"]]
            here = shape(node, defs)
        if isinstance(document, list):
            node, document = resolved(here.node, defs)["items"], document[int(key)]
            continue
        node = resolved(node, defs)
        node = _present(node, defs)["properties"][key]
        document = document[key]
    return node


def _present(node: Node, defs: dict[str, Node]) -> Node:
    """The node that stands for the value when it is there."""
    if "anyOf" not in node:
        return node
    return resolved(next(entry for entry in node["anyOf"] if entry.get("type") != "null"), defs)
