"""Designs as data: round trips, hashes, limits, messages."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from core.design.edits import parse
from core.design.pointer import from_location
from core.design.presets.registry import names, preset
from core.design.problems import Problem
from core.design.spec import Design
from tests.core.design.samples import digits_with_body, starter, starter_json


@pytest.mark.parametrize("name", names())
def test_json_round_trip_keeps_the_design(name: str) -> None:
    design = preset(name)
    again = Design.model_validate_json(design.model_dump_json())
    assert again == design
    assert again.sha == design.sha


def test_the_sha_ignores_the_name_and_written_defaults() -> None:
    design = starter()
    renamed = design.model_copy(update={"name": "Another"})
    assert renamed.sha == design.sha
    written = starter_json()
    written["norm"] = {"kind": "rms", "epsilon": 1e-6}
    written["stacks"][0]["final_norm"] = True
    assert Design.model_validate(written).sha == design.sha


def test_the_sha_sees_every_number() -> None:
    written = starter_json()
    written["stacks"][0]["layers"][0]["pattern"][0]["parts"][1]["body"]["experts"][0]["hidden"] += 1
    assert Design.model_validate(written).sha != starter().sha


def test_designs_are_frozen() -> None:
    with pytest.raises(ValidationError):
        starter().width = 3


def test_locations_are_json_pointers_without_union_tags() -> None:
    written = starter_json()
    written["stacks"][0]["layers"][0]["pattern"][0]["parts"][1]["body"]["experts"][0]["hidden"] = 0
    with pytest.raises(ValidationError) as caught:
        Design.model_validate(written)
    pointer = from_location(caught.value.errors()[0]["loc"])
    assert pointer == "/stacks/0/layers/0/pattern/0/parts/1/body/experts/0/hidden"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"width": float("nan")}, "finite"),
        ({"width": 10**9}, "131072 at most"),
        ({"colour": "red"}, "nothing of this name"),
        ({"task": {"kind": "languge_model"}}, "Did you mean 'language_model'"),
        ({"task": 3}, "is an object with a kind"),
        ({"stacks": []}, "a list of 1 at least"),
    ],
)
def test_bad_designs_say_what_is_wrong(change: dict[str, object], words: str) -> None:
    problem = parse(starter_json() | change)
    assert isinstance(problem, Problem)
    assert words in problem.message
    assert "To fix this" in problem.fix


def test_an_endless_design_is_refused_before_anything_walks_it() -> None:
    written = starter_json()
    pattern = written["stacks"][0]["layers"][0]["pattern"]
    written["stacks"][0]["layers"] = [{"times": 1024, "pattern": pattern * 5}] * 256
    problem = parse(written)
    assert isinstance(problem, Problem)
    assert "layers are more than" in problem.message


def test_occurrences_unroll_repeats_in_order() -> None:
    paths = [o.path for o in starter().occurrences()]
    assert paths == ["decoder.0.0", "decoder.0.1", "decoder.1.0", "decoder.1.1", "decoder.2.0", "decoder.2.1"]
    pointers = {o.pointer for o in starter().occurrences()}
    assert len(pointers) == 2


def test_json_has_no_numbers_that_json_lacks() -> None:
    json.loads(starter().model_dump_json(), parse_constant=lambda name: pytest.fail(f"{name} in JSON"))


def test_every_design_can_be_a_cache_key() -> None:
    table = {"kind": "skill_table", "rows": {"digit": [0, 1], "parity": [2]}}
    design = digits_with_body(router={"condition": table})
    assert hash(design) == hash(Design.model_validate_json(design.model_dump_json()))
