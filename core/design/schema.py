"""The JSON Schema of the vocabulary: what forms are drawn from and editors complete by."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from core.design.plain import Choice, Plain
from core.design.plan import Plan
from core.design.spec import Design


def document(root: type[Plain] = Design) -> dict[str, Any]:
    """JSON Schema of `root`; open unions list every value registered now."""
    members: list[type[Plain]] = [cls for choice in Choice.known.values() for cls in choice.members.values()]
    wanted: list[type[Plain]] = list(dict.fromkeys([root, Plan, *members]))
    refs, schema = models_json_schema([(cls, "validation") for cls in wanted], title="MoE Studio design")
    by_class = {cls: refs[(cls, "validation")]["$ref"] for cls in wanted}
    result: dict[str, Any] = _choices_written(schema, by_class)
    return {"$ref": by_class[root], **result}


def _choices_written(node: Any, refs: dict[type[Plain], str]) -> Any:
    """Replace every placeholder of an open union by its members."""
    if isinstance(node, list):
        return [_choices_written(entry, refs) for entry in node]
    if not isinstance(node, dict):
        return node
    written = {key: _choices_written(value, refs) for key, value in node.items() if key != "x-choice"}
    name = node.get("x-choice")
    if name is not None:
        members = Choice.known[name].members
        written["oneOf"] = [{"$ref": refs[cls]} for _, cls in sorted(members.items())]
        mapping = {kind: refs[cls] for kind, cls in sorted(members.items())}
        written["discriminator"] = {"propertyName": "kind", "mapping": mapping}
    return written
