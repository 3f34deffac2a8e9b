"""Sections of Routing that ask the model, drawn whole, with a process that answers."""

import json
import os
import shlex
from collections.abc import Iterator

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app import cli
from core.analysis.reading import figure
from core.cost.format import MINUS
from core.design.edit import SetValue
from core.design.edits import apply
from core.design.spec import Design
from storage import database, files
from storage.database import Database
from tests.app.inferring import TEXT, serving, trained
from tests.app.visiting import said
from tests.core.train.tiny import tiny_design

DAMAGED = "The checkpoint of step 4 of "
BANK = "/stacks/0/layers/0/pattern/0/parts/1/body"
INSTEAD = "is damaged, so the model of step 2 answers what is asked. To fix this"


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    opened = database.open(tmp_path_factory.mktemp("studio"))
    with serving(opened.root):
        yield opened
    opened.close()


@pytest.fixture(autouse=True)
def here(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOE_STUDIO_DATA", str(db.root))


@pytest.fixture(scope="module")
def damaged(db: Database) -> str:
    """A run whose newest checkpoint was cut short."""
    run_id = trained(db, "damaged", checkpoint_every=2)
    weights = files.folder(db.root, "runs", run_id) / "checkpoints" / "4" / "model.safetensors"
    os.truncate(weights, weights.stat().st_size // 2)
    return run_id


def visit(run: str, section: str, **routing: str) -> AppTest:
    """A section of the Routing page, run once; `routing` is what the address says of it."""
    app = AppTest.from_file("../../app/main.py", default_timeout=60)
    app.query_params["run"] = run
    app.run()
    app = app.switch_page("views/routing.py")
    app.query_params["routing.section"] = section
    for name, value in routing.items():
        app.query_params[f"routing.{name.replace('__', '.')}"] = value
    app.run()
    assert not app.exception
    return app


@pytest.mark.parametrize("section", ["Tokens", "What if", "Expertise"])
def test_answers_of_an_older_checkpoint_say_so(damaged: str, section: str) -> None:
    words = said(visit(damaged, section, **{f"whatif__cells__{damaged}": "0.1.off"}))
    assert words.count(f"{DAMAGED}{damaged} {INSTEAD}") == 1
    assert "nswered by step 2" in words


@pytest.mark.parametrize("command", [("inspect", "--text", TEXT), ("whatif", "--off", "1:1"), ("expertise",)])
def test_the_command_line_says_why_an_older_checkpoint_answers(
    damaged: str, command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([command[0], damaged, *command[1:]]) == 0
    out, err = capsys.readouterr()
    assert err.count(f"{DAMAGED}{damaged} {INSTEAD}") == 1
    assert "step 2" in out


@pytest.fixture(scope="module")
def whole(db: Database) -> str:
    """A run as it was trained."""
    return trained(db, "whole")


def test_what_if_prints_the_command_of_what_it_shows(whole: str) -> None:
    address = {f"whatif__cells__{whole}": "0.1.off 0.2.boost", "whatif__prompt": "it's\na1"}
    app = visit(whole, "What if", whatif__scope="Prompt only", **address)
    assert shlex.split(app.code[-1].value)[3:] == [
        "whatif", whole, "--off", "decoder.0.1:1", "--boost", "decoder.0.1:2=2", "--for", "prefill",
        "--prompt=it's\na1",
    ]  # fmt: skip
    assert next(area for area in app.text_area if area.label == "Prompt").value == "it's\na1"
    assert "the second half of every sequence" in said(app)
    prompt = next(area for area in app.text_area if area.label == "Prompt")
    prompt.set_value("2e").run()
    assert shlex.split(app.code[-1].value)[-1] == "--prompt=2e"


def test_testing_a_domains_experts_prints_the_command_that_tests_the_same(
    db: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = trained(db, "tested", evaluate_examples=8)
    app = visit(run_id, "What if", imaging__target="digits")
    assert "--sweep" not in app.code[-1].value
    app.button(key="routing.imaging.test").click().run()
    assert not app.exception
    command = app.code[-1].value.splitlines()[1]
    words = shlex.split(command)[3:]
    assert words[:3] == ["whatif", run_id, "--sweep=digits"]
    capsys.readouterr()
    assert cli.main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (table,) = (each.value for each in app.table if "domain" in each.value)
    for step in found["steps"]:
        drawn = table[f"{step['size']} off"].tolist()
        controls = np.mean(step["control_DN"], axis=0).tolist()
        told = [f"{figure(a)} ({figure(b)})" for a, b in zip(step["delta_N"], controls, strict=True)]
        assert drawn == [each.replace("-", MINUS) for each in told]
    # Another domain is not tested yet.
    app.selectbox(key="routing.imaging.target").set_value("vowels").run()
    assert "--sweep" not in app.code[-1].value


@pytest.mark.parametrize("section", ["Tokens", "What if"])
def test_numbers_of_thousands_of_digits_in_a_link_are_ignored(whole: str, section: str) -> None:
    nines = "9" * 5000
    cells = f"0.{nines}.off {nines}.1.off 0.1.off"
    app = visit(whole, section, **{f"whatif__cells__{whole}": cells, "tokens__token": nines})
    if section == "What if":
        assert "--off decoder.0.1:1 " in app.code[-1].value


def test_expertise_prints_the_command_for_the_layer_that_it_shows(whole: str) -> None:
    assert visit(whole, "Expertise").code[-1].value == f"python -m app expertise {whole} --layer decoder.0.1"


def test_expertise_of_a_router_that_takes_all_experts_is_refused_with_a_way_out(
    db: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    every = apply(tiny_design(), SetValue(path=f"{BANK}/router/select/k", value=4))
    assert isinstance(every, Design)
    run_id = trained(db, "all", every)
    told = "Layer decoder.0.1 sends every token to all 4 of its experts, so there is no choice to judge."
    assert told in said(visit(run_id, "Expertise"))
    assert cli.main(["expertise", run_id]) == 1
    assert f"{told} To fix this, choose a layer or a run that picks fewer." in capsys.readouterr().err
