"""The routing command, on a trace that is there, not there, or not readable."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app import cli
from app.commands.routing import missing
from core.analysis.shows import SHOWS
from core.design.facts import MetricsRow
from core.trace.newest import small_path, trace_path
from core.trace.record import Trace, write
from storage import database, files, metrics, runs
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
    assert "layer 2  share of outputs (nothing is selected)  0: 17.5%  1: 47.5%" in text
    assert "layer 2  share in python  0: 10.0%  1: 70.0%" in text
    assert "layer 2  load" not in text


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
        (Status.DONE, 16, "python -m app trace tiny"),
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


def shown(capsys: pytest.CaptureFixture[str], run_id: str, name: str) -> list[dict[str, Any]]:
    """Results of an analysis as JSON, after it was printed for a reader too."""
    assert cli.main(["routing", run_id, "--show", name]) == 0
    assert capsys.readouterr().out.strip()
    assert cli.main(["routing", run_id, "--show", name, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["run"], told["show"]) == (run_id, name)
    results: list[dict[str, Any]] = told["results"]
    return results


def test_every_analysis_answers_or_says_why_not(
    tmp_path: Path, run_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(trace_path(files.folder(tmp_path, "runs", run_id), 7), make_soft(tokens=40))
    for name in SHOWS:
        code = cli.main(["routing", run_id, "--show", name])
        out, error = capsys.readouterr()
        assert "decoder.0.1" not in out + error
        assert (code, bool(out)) == (0, True) or (code == 1 and "To fix this" in error), name
    hard, soft = shown(capsys, run_id, "domains")
    assert np.sum(hard["counts_GE"]) > 0
    assert "no choices to count" in soft["refused"]
    assert {"shows", "trap", "chance"} == hard["reading"].keys()
    (placed,) = shown(capsys, run_id, "placement")
    assert placed["device_LE"] == [[0, 1, 2, 3]]
    told, _ = shown(capsys, run_id, "labels")
    assert len(told["experts"]) == 4
    assert len(shown(capsys, run_id, "certainty")) == 2


def test_a_run_without_routed_layers_is_said_to_have_nothing_to_show(
    tmp_path: Path, run_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = make_trace()
    header = whole.header.model_copy(update={"layers": ()})
    write(trace_path(files.folder(tmp_path, "runs", run_id), 7), Trace(header, whole.tokens, ()))
    for name in SHOWS:
        assert cli.main(["routing", run_id, "--show", name]) == 1, name
        out, error = capsys.readouterr()
        assert (out, "To fix this" in error) == ("", True)


def test_analyses_over_training_need_a_record(
    tmp_path: Path, run_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("balance", "lifetimes", "saturation"):
        assert cli.main(["routing", run_id, "--show", name]) == 1
        assert "To fix this" in capsys.readouterr().err
    layer = {"path": "decoder.0.1", "cv": 0, "max_violation": 0, "dead": 0, "drop_rate": 0}
    rows = [
        MetricsRow.model_validate(
            {"step": step, "seconds": step, "loss": 9 if step == 30 else 2 + step % 2 / 100}
            | {"layers": [layer | {"load": (10, 0 if step > 20 else 10)}]}
        )
        for step in range(40)
    ]
    with database.open(tmp_path).write() as session:
        metrics.add(session, run_id, rows)
    folder = files.folder(tmp_path, "runs", run_id)
    write(small_path(folder, 5), make_trace(tokens=12))
    write(trace_path(folder, 40), make_trace(tokens=12))
    (even,) = shown(capsys, run_id, "balance")
    assert (even["path"], even["cv_S"][0], even["cv_S"][-1]) == ("decoder.0.1", 0, 1)
    (slept,) = shown(capsys, run_id, "lifetimes")
    assert slept["changes"] == [{"step": 21, "expert": 1, "awake": False}]
    (jumped,) = shown(capsys, run_id, "jumps")
    assert jumped["steps"] == [30]
    (settled,) = shown(capsys, run_id, "saturation")
    assert (settled["steps_C"], settled["agreement_C"]) == ([5, 40], [1, 1])
