"""Every item of the palette is an act that the drawing knows, under a name that is not there twice."""

import json
from collections import Counter
from typing import get_args

import pytest

from components.canvas.ops import OpType
from components.canvas.palette import palette
from core.design.compose.acts import act
from core.design.compose.sketch import Done
from core.design.presets.methods import METHODS
from core.design.presets.registry import preset

ITEMS = [item for group in palette() for item in group["items"]]


def test_the_groups_stand_in_order_and_are_plain_data():
    assert [group["title"] for group in palette()] == ["Parts", "Methods", "Starters"]
    assert json.loads(json.dumps(palette())) == palette()
    assert palette()[2]["items"][0]["what"] == "blank"


def test_every_method_stands_in_a_family_of_several():
    _, methods, _ = palette()
    families = Counter(item["family"] for item in methods["items"])
    assert 3 <= len(families) <= 6
    assert min(families.values()) >= 4
    assert sum(families.values()) == len(METHODS)


def test_names_and_keys_are_there_once():
    for field in ("what", "key"):
        for group in palette():
            values = [item[field] for item in group["items"] if item[field]]
            assert len(values) == len(set(values))
    assert {item["key"] for item in ITEMS} == {"A", "F", "M", "E", "S", ""}


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: f"{item['type']} {item['what']}")
def test_an_item_can_be_done(item):
    assert item["type"] in get_args(OpType)
    assert item["name"]
    if item["type"] == "start":
        assert preset(item["what"]).name == item["name"]
    else:
        assert isinstance(act(preset("starter"), item["type"], ("",), what=item["what"]), Done)


def test_the_list_stays_short():
    shown = [item for item in ITEMS if item["shown"]]
    assert 12 <= len(shown) <= 24
    assert sum(item["type"] == "method" for item in shown) == 8
