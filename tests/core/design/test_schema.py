"""The JSON Schema holds the whole vocabulary and grows by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

from core.design.base import Choice, field
from core.design.routing.score.base import SCORE, Score
from core.design.schema import document


def refs(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from refs(value)
    elif isinstance(node, list):
        for value in node:
            yield from refs(value)


def test_every_reference_leads_somewhere_and_no_placeholder_is_left() -> None:
    schema = document()
    assert {ref.removeprefix("#/$defs/") for ref in refs(schema)} <= set(schema["$defs"])
    assert "x-choice" not in json.dumps(schema)


def test_every_value_of_every_union_is_described() -> None:
    written = json.dumps(document())
    for choice in Choice.known.values():
        for kind, cls in choice.members.items():
            assert cls.__doc__, f"{kind} has no words"
            assert f'"{kind}"' in written


def test_a_new_value_is_one_class() -> None:
    @SCORE.register
    class Dummy(Score):
        """A value that only this test knows."""

        kind: Literal["dummy"]
        strength: float = field(1.0, unit="gauss")

    try:
        schema = document()
        assert schema["$defs"]["Dummy"]["properties"]["strength"]["unit"] == "gauss"
        assert SCORE.parse({"kind": "dummy"}) == Dummy(kind="dummy")
    finally:
        SCORE.unregister("dummy")
    assert "Dummy" not in document()["$defs"]
