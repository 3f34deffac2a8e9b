"""Published configs count to the unit: totals, routed, active by three rules, cached numbers for a token."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.cost.count import Counts, count
from core.design.edits import parse
from core.design.huggingface.read import Imported, read
from core.design.rules import check, errors

HERE = Path(__file__).parent
REFERENCE = sorted((HERE / "configs").glob("*.json"))
#: Counted by transformers 5.23 with the model on the meta device: small models, and classes as they default.
CLASSES = json.loads((HERE / "classes.json").read_text())
#: Configs with the key names that the models were published with.
HUB = json.loads((HERE / "hub.json").read_text())


def imported(config: Any) -> Imported:
    result = read(config)
    assert isinstance(result, Imported), str(result)
    return result


def counts(config: Any) -> Counts:
    return count(imported(config).design)


@pytest.mark.parametrize("path", REFERENCE, ids=lambda path: path.stem)
def test_a_published_model_counts_to_the_unit(path: Path) -> None:
    entry = json.loads(path.read_text())
    expected, got = entry["expected"], counts(entry["config"])
    assert (got.total, got.routed) == (expected["total"], expected["routed"])
    assert {rule: got.active(rule) for rule in ("R1", "R2", "R3")} == {
        rule: expected[rule] for rule in ("R1", "R2", "R3")
    }
    assert got.kv_elements() == expected.get("kv", got.kv_elements())


@pytest.mark.parametrize("path", REFERENCE, ids=lambda path: path.stem)
def test_a_published_model_is_understood_without_problems(path: Path) -> None:
    result = imported(json.loads(path.read_text())["config"])
    assert result.unknown == ()
    assert errors(check(result.design, stage="cost")) == ()
    assert parse(json.loads(result.design.model_dump_json())) == result.design


@pytest.mark.parametrize("path", REFERENCE, ids=lambda path: path.stem)
def test_keys_alone_tell_the_family(path: Path) -> None:
    config = json.loads(path.read_text())["config"]
    bare = imported({key: value for key, value in config.items() if key != "model_type"})
    named = imported(config)
    assert (bare.family, bare.design.sha) == (named.family, named.design.sha)
    assert any("names no model_type" in note for note in bare.notes)


@pytest.mark.parametrize("entry", CLASSES, ids=lambda entry: f"{entry['config']['model_type']}")
def test_a_class_counts_as_transformers_builds_it(entry: dict[str, Any]) -> None:
    got = counts(entry["config"])
    assert (got.total, got.routed) == (entry["total"], entry["routed"])


@pytest.mark.parametrize("entry", HUB, ids=lambda entry: entry["name"])
def test_a_config_with_its_published_names(entry: dict[str, Any]) -> None:
    result = imported(entry["config"])
    assert count(result.design).total == entry["total"]
    assert result.unknown == ()
    assert errors(check(result.design, stage="cost")) == ()


def test_layers_become_short_patterns() -> None:
    def shape(name: str) -> list[tuple[int, int]]:
        entry = json.loads((HERE / "configs" / f"{name}.json").read_text())
        stacks = imported(entry["config"]).design.stacks
        return [(repeat.times, len(repeat.pattern)) for stack in stacks for repeat in stack.layers]

    assert shape("deepseek-v3") == [(3, 1), (58, 1)]
    assert shape("jamba-v0.1") == [(4, 8)]
    assert shape("gpt-oss-120b") == [(18, 2)]
    assert shape("switch-base-8") == [(6, 2), (6, 2)]
