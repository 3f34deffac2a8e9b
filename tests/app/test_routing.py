"""The routing command, on a trace that is there, not there, or not readable."""

import json
from pathlib import Path

import pytest

from app import cli
from app.commands.routing import missing
from core.trace.newest import trace_path
from core.trace.record import write
from storage import database, files, runs
from storage.drafts import Document
from storage.status import Status
from tests.app.conftest import TINY, plan
from tests.core.trace.make import make_soft, make_trace

KEYS = {"path", "load", "cv", "max_violation", "dead", "drop_rate", "entropy"}


@pytest.fixture
def run_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run without a trace."""
    monkeypatch.setenv("MOE_STUDIO_DATA", str(tmp_path))
    return runs.create(
        database.open(tmp_path), Document("tiny", TINY, "a" * 64), plan(), "text", "request"
    ).id


def test_figures_of_the_newest_trace(tmp_path: Path, run_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = files.folder(tmp_path, "runs", run_id)
    write(trace_path(folder, 7), make_trace())
    (folder / "traces" / "3.npz").write_bytes(b"older")
    assert cli.main(["routing", run_id, "--json"]) == 0
    (layer,) = json.loads(capsys.readouterr().out)["layers"]
    assert layer.keys() >= KEYS | {"specialization", "specialization_chance"}
    assert (layer["path"], layer["load"]) == ("decoder.0.1", [3, 3, 2, 2])
    assert cli.main(["routing", run_id]) == 0
    text = capsys.readouterr().out
    assert "step 7  6 held-out tokens of english, python" in text
    assert "0.091" in text
    assert "0: 30.0%  1: 30.0%  2: 20.0%  3: 20.0%" in text


def test_a_layer_that_selects_nothing_tells_shares(
    tmp_path: Path, run_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(trace_path(files.folder(tmp_path, "runs", run_id), 7), make_soft())
    assert cli.main(["routing", run_id, "--json"]) == 0
    _, soft = json.loads(capsys.readouterr().out)["layers"]
    assert (soft["load"], soft["cv"]) == (None, None)
    assert soft["domain_share"][1][1] == pytest.approx(0.7, abs=1e-3)
    assert cli.main(["routing", run_id]) == 0
    text = capsys.readouterr().out
    assert "decoder.1.1  share of outputs (nothing is selected)  0: 17.5%  1: 47.5%" in text
    assert "decoder.1.1  share in python  0: 10.0%  1: 70.0%" in text
    assert "decoder.1.1  load" not in text


def test_what_cannot_be_shown_is_said(
    tmp_path: Path, run_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["routing", run_id]) == 1
    assert "is queued and has no trace" in capsys.readouterr().err
    folder = files.folder(tmp_path, "runs", run_id) / "traces"
    folder.mkdir(parents=True)
    (folder / "9.npz").write_bytes(b"not a trace")
    assert cli.main(["routing", run_id]) == 1
    error = capsys.readouterr().err
    assert "9.npz cannot be read as a trace" in error
    assert "To fix this" in error
    assert cli.main(["routing", "nothing-here"]) == 1
    assert "nothing-here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "tokens", "words"),
    [
        (Status.RUNNING, 16, "let it train to its end"),
        (Status.STOPPED, 16, "runs resume"),
        (Status.LOST, 16, "runs resume"),
        (Status.DONE, 16, "train again"),
        (Status.DONE, 0, "--set plan.trace_tokens=16384"),
    ],
)
def test_why_there_is_no_trace_follows_the_run(
    tmp_path: Path, run_id: str, status: Status, tokens: int, words: str
) -> None:
    found = runs.get(database.open(tmp_path), run_id)
    found = found.model_copy(update={"status": status, "plan": plan().replaced(trace_tokens=tokens)})
    assert words in missing(found)
    assert "To fix this" in missing(found)
