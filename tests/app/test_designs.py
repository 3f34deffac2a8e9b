import json
from pathlib import Path

import pytest

from app.designs import argument, read_design, with_values
from app.errors import UserError
from core.design.plan import Plan
from core.design.presets.registry import names, plan_for, preset
from tests.app.conftest import TINY


def test_a_preset_comes_with_its_plan() -> None:
    first = names()[0]
    assert read_design(first) == (preset(first), plan_for(first))


def test_a_file_is_a_design(tmp_path: Path) -> None:
    # Some editors put a mark before the text.
    (tmp_path / "tiny.json").write_text(TINY, encoding="utf-8-sig")
    design, plan = read_design(str(tmp_path / "tiny.json"))
    assert (design.name, plan) == ("tiny", Plan())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"name": "x",}', r"line 1, column 1\d: .*To fix this"),
        (b"\xff\xfe\x00", r"not JSON text. To fix this"),
        (b"[" * 100_000, r"not a design.*To fix this"),
        (b"[]", r"To fix this"),
        (b'{"width": 8}', r"(?i)task.*To fix this"),
        (b'{"width": ' + b"9" * 5000 + b"}", r"not a design.*To fix this"),
        (b'{"model_type": "deepseek_v4"}', r"DeepSeek-V4 needs.*To fix this"),
        (b'{"model_type": "mixtral", "hidden_size": "wide"}', r"hidden_size must be.*To fix this"),
        (b" " * 4_000_001, r"4,000,001 bytes.*To fix this"),
    ],
    ids=["comma", "binary", "deep", "list", "no task", "digits", "refused", "no number", "huge"],
)
def test_what_is_no_design_is_told_in_words(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(UserError, match=words):
        read_design(str(tmp_path / "x.json"))


def test_a_config_of_a_published_model_is_a_design(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = {
        "model_type": "mixtral",
        "num_hidden_layers": 2,
        "new_trick": 1,
        "rope_scaling": {"type": "yarn"},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    design, plan = read_design(str(tmp_path / "config.json"))
    assert (design.name, design.depth, plan) == ("Mixtral", 2, Plan())
    said = capsys.readouterr()
    assert said.out == ""
    assert "1 key is not understood and was kept aside: new_trick." in said.err
    assert "yarn" in said.err


def test_the_argument_of_a_design_is_read_as_that_design_with_that_plan(tmp_path: Path) -> None:
    assert argument(preset("starter"), "x.json") == ("starter", plan_for("starter"))
    own = preset("starter").model_copy(update={"width": 96})
    path = tmp_path / "own.json"
    path.write_text(own.model_dump_json())
    assert read_design(str(path)) == (own, argument(own, str(path))[1])
    assert argument(own)[0] == "DESIGN.json"


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(UserError, match=r"Did you mean 'starter'\?.*To fix this"):
        read_design("startr")


def test_values_are_set_in_plan_and_design() -> None:
    design, plan = read_design("starter")
    assignments = ["plan.optimizer.rate=0.25", "plan.data=digits", "/width=64", "/name=my own"]
    changed, planned = with_values(design, plan, assignments)
    assert (planned.optimizer.rate, planned.data) == (0.25, "digits")
    assert (changed.width, changed.name) == (64, "my own")
    assert json.loads(changed.model_dump_json())["stacks"] == json.loads(design.model_dump_json())["stacks"]


@pytest.mark.parametrize(
    "assignment",
    [
        "rate=1",
        "plan.optimizer.rate",
        "plan.optimizer.rate=-1",
        "plan.stepz=3",
        "plan.seed.x=1",
        "plan.=1",
        "/width=a",
        "/nowhere/at/all=1",
        "/=1",
    ],
)
def test_a_value_that_fits_nowhere_is_refused(assignment: str) -> None:
    design, plan = read_design("starter")
    with pytest.raises(UserError, match=r"To fix this"):
        with_values(design, plan, [assignment])
