"""Small designs that several tests start from."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from core.design.edits import parse
from core.design.presets.registry import describe, preset
from core.design.spec import Design

BODY = "/stacks/0/layers/0/pattern/0/parts/1/body"
ROUTER = f"{BODY}/router"


def starter_json() -> dict[str, Any]:
    """The starter as its author writes it."""
    return deepcopy(describe("starter").write())


def with_body(**changes: Any) -> Design:
    """The starter with fields of its MoE body replaced; `router` is merged."""
    document = starter_json()
    body = document["stacks"][0]["layers"][0]["pattern"][0]["parts"][1]["body"]
    body["router"] |= changes.pop("router", {})
    body |= changes
    design = parse(document)
    assert isinstance(design, Design), design
    return design


def digits_with_body(**changes: Any) -> Design:
    """The digits starter (not causal) with fields of its second layer's MoE body replaced."""
    document = deepcopy(describe("digits-vit").write())
    body = document["stacks"][0]["layers"][1]["pattern"][0]["parts"][1]["body"]
    body["router"] |= changes.pop("router", {})
    body |= changes
    design = parse(document)
    assert isinstance(design, Design), design
    return design


def starter() -> Design:
    """The text starter."""
    return preset("starter")
