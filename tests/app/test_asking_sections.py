"""Sections of Routing that ask the model, drawn whole, with a process that answers."""

import os
from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from app import cli
from storage import database, files
from storage.database import Database
from tests.app.inferring import TEXT, serving, trained
from tests.app.visiting import said

DAMAGED = "The checkpoint of step 4 of "
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
