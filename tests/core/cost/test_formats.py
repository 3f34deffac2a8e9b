"""Widths by part: names, rules of a file, exact bytes with scales."""

import json

import pytest

from core.cost.count import count
from core.cost.formats import FORMATS, WEIGHTS, Format, widths
from core.cost.stored import expert_bytes, role_bytes, total_bytes
from core.design.presets.registry import preset

STARTER = count(preset("starter"))
BANK = next(part for part in STARTER.parts if part.groups)


def test_a_block_that_is_not_full_still_has_its_scale():
    form = Format("odd", 4, 32, 8)
    assert form.stored((3, 64)) == 192 * 4 + 6 * 8
    assert form.stored((5, 13)) == 65 * 4 + 3 * 8
    # A scale of its own would make so small a tensor wider than it was.
    assert Format("coarse", 4, 256, 216).stored((2, 2)) == 4 * 16
    assert FORMATS["q4_k_m"].width == pytest.approx((5 * 144 + 210) * 8 / (6 * 256))


@pytest.mark.parametrize("name", WEIGHTS)
def test_every_name_gives_bytes(name):
    found = total_bytes(STARTER, widths(name))
    assert STARTER.total / 2 < found <= 4 * STARTER.total
    assert sum(p.times * sum(role_bytes(p, widths(name)).values()) for p in STARTER.parts) == found


def test_nearer_rules_win():
    group = BANK.groups[0]
    rules = {"expert": "int8", BANK.pointer: "fp8", f"{BANK.pointer}/experts/1": "fp32", "router": "fp32"}
    stored = widths(rules)
    mine = expert_bytes(BANK, 0, stored)
    assert mine[1] == 4 * group.parameters
    assert set(mine[2:]) == {mine[0]} == {float(group.parameters)}
    every = total_bytes(STARTER, widths({"expert": "int8"}))
    assert total_bytes(STARTER, widths({"expert": "int8", group.pointer: "int8"})) == every
    usual, wide = role_bytes(BANK, widths("bf16")), role_bytes(BANK, stored)
    assert wide["router"] == 2 * usual["router"]


def test_a_file_of_rules(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"default": "bf16", "expert": "mxfp4"}))
    assert widths(str(path)).name == "mine.json"
    assert total_bytes(STARTER, widths(str(path))) == total_bytes(STARTER, widths("mxfp4"))


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"expret": "bf16"}, "neither default"),
        ({"expert": "mxpf4"}, "Did you mean 'mxfp4'"),
    ],
)
def test_wrong_rules_are_named(rules, words):
    with pytest.raises(ValueError, match=words):
        widths(rules)


@pytest.mark.parametrize("text", ["nothing", "[1]", '{"default": 4}'])
def test_wrong_files_are_named(text, tmp_path):
    path = tmp_path / "mine.json"
    with pytest.raises(ValueError, match="To fix this"):
        widths(str(path))
    path.write_text(text)
    with pytest.raises(ValueError, match="To fix this"):
        widths(str(path))
