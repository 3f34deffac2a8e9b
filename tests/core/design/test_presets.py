"""The vocabulary holds what the world has published: totals to the unit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.cost.count import count
from core.design.huggingface.read import Imported, read
from core.design.presets.registry import (
    PRESETS,
    UnknownPresetError,
    describe,
    names,
    plan_for,
    preset,
)
from core.design.rules import check, errors
from core.design.spec import Design

#: Total, routed and active parameters of the released models, without multi-token heads and buffers.
FIGURES: dict[str, dict[str, int]] = json.loads(Path(__file__).with_name("published.json").read_text())
CONFIGS = Path(__file__).parent / "huggingface" / "configs"

#: Where the released config says something else than the paper does: a coefficient, a base, a context.
DIFFERENT = {"gpt-oss-120b", "llama-4-scout", "qwen3-next-80b-a3b"}
FILES = {
    "mixtral-8x7b": "mixtral-8x7b-v0.1",
    "llama-4-scout": "llama-4-scout-17b-16e",
    "nemotron-3-nano": "nemotron-3-nano-30b-a3b",
    "olmoe-1b-7b": "olmoe-1b-7b-0924",
}
WITH_CONFIG = [n for n in FIGURES if (CONFIGS / f"{FILES.get(n, n)}.json").exists()]


def total(design: Design, role: str | None = None) -> int:
    return sum(p.times * p.weight.size for p in design.weights() if role in (None, p.weight.role))


def test_every_published_preset_has_figures_and_every_figure_a_preset() -> None:
    assert set(FIGURES) == {entry.name for entry in PRESETS if entry.kind == "published"}
    assert len(FIGURES) == 34
    assert len(WITH_CONFIG) == 29


@pytest.mark.parametrize("name", FIGURES)
def test_published_figures_match_to_the_unit(name: str) -> None:
    design, counts = preset(name), count(preset(name))
    found = {"total": total(design), "routed": total(design, "expert")}
    found |= {rule: counts.active(rule) for rule in ("R1", "R2", "R3")}
    assert found == FIGURES[name]


@pytest.mark.parametrize("name", WITH_CONFIG)
def test_a_preset_is_the_design_its_config_is_read_as(name: str) -> None:
    config = json.loads((CONFIGS / f"{FILES.get(name, name)}.json").read_text())
    found = read(config.get("config", config))
    assert isinstance(found, Imported)

    def parts(design: Design) -> list[tuple[str, object]]:
        drop = {"body": {"balance", "rope"}} if name in DIFFERENT else {}
        return [(o.path, o.part.model_dump(mode="json", exclude=drop)) for o in design.occurrences()]

    assert parts(preset(name)) == parts(found.design)
    assert (preset(name).width, preset(name).norm) == (found.design.width, found.design.norm)
    assert preset(name).embedding == found.design.embedding


@pytest.mark.parametrize("name", names())
def test_every_preset_is_free_of_errors_at_design_and_cost(name: str) -> None:
    assert errors(check(preset(name), stage="design")) == ()
    assert errors(check(preset(name), stage="cost")) == ()


@pytest.mark.parametrize("name", [n for n in names() if describe(n).kind == "starter" and preset(n).depth])
def test_starters_can_be_trained_as_they_are(name: str) -> None:
    assert errors(check(preset(name), plan_for(name), stage="train")) == ()


def test_the_text_starter_comes_first() -> None:
    assert names()[0] == "starter"
    assert plan_for("starter").data == "text"


def test_a_blank_design_is_free_of_errors_and_has_no_layers() -> None:
    assert (preset("blank").depth, preset("blank").width) == (0, 256)


def test_the_siblings_have_the_starters_active_width() -> None:
    def active(name: str) -> float:
        body = next(p.part.body for p in preset(name).parts() if p.part.body.kind in ("moe", "dense"))
        if body.kind == "dense":
            return float(body.expert.inner)
        shared = sum(group.count * group.inner for group in body.shared)
        return float(body.per_token * body.experts[0].inner + shared)

    assert active("fine-grained") == active("starter") == active("dense-twin")


def test_an_unknown_preset_names_its_neighbour() -> None:
    with pytest.raises(UnknownPresetError, match="Did you mean 'starter'"):
        preset("startr")
