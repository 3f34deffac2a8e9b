"""What imports need is drawn and costed; at stage train each unbuilt part is named and has edits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.design.edits import apply
from core.design.huggingface.read import Imported, read
from core.design.rules import check, errors
from core.design.spec import Design

CLASSES = json.loads((Path(__file__).parent / "classes.json").read_text())
SMALL = {
    entry["config"]["model_type"]: entry["config"] for entry in reversed(CLASSES) if len(entry["config"]) > 5
}
NEW = {
    "gemma4_text": ("values_are_keys", "joined", "expert_scale", "input"),
    "jetmoe": ("output_bias",),
    "ernie4_5_moe": ("counted",),
    "mimo_v2_flash": ("sinks",),
}
LATENT = next(entry["config"] for entry in CLASSES if "moe_latent_size" in entry["config"])


def design(config: dict[str, Any]) -> Design:
    result = read({**config, "num_experts_per_tok": 2})
    assert isinstance(result, Imported), str(result)
    return result.design


@pytest.mark.parametrize(("kind", "parts"), NEW.items())
def test_what_is_not_built_is_named_at_its_place(kind: str, parts: tuple[str, ...]) -> None:
    found = {problem.path.rsplit("/", 1)[1] for problem in errors(check(design(SMALL[kind]), stage="train"))}
    assert set(parts) <= found


def test_latent_experts_are_not_built_yet() -> None:
    assert any(p.path.endswith("/latent") for p in errors(check(design(LATENT), stage="train")))


@pytest.mark.parametrize("config", [*(SMALL[kind] for kind in NEW), LATENT], ids=[*NEW, "latent"])
def test_each_edit_mends_its_problem(config: dict[str, Any]) -> None:
    start = design(config)
    before = errors(check(start, stage="train"))
    for problem in before:
        for edit in problem.edits:
            after = apply(start, edit)
            assert isinstance(after, Design)
            assert len(errors(check(after, stage="train"))) < len(before)
