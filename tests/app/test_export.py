"""From a run to a file: the background job and the command."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnx
import onnx_ir as ir
import pytest
import torch

from app import cli
from app.errors import UserError
from app.exporting import NO_DATA, export_run, perform
from app.job_worker import named_task
from app.jobs import LocalEngine
from core.data.errors import DataError
from core.design.files import write_whole
from core.design.plan import Plan
from core.design.spec import Design
from core.export.onnx import graph, target
from core.model.build import build
from core.train import checkpoint
from core.train.checkpoint import Checkpoint, tensors_of
from storage import files, jobs, runs
from storage.drafts import Document
from storage.records import RunPublic

DESIGN = Design.model_validate_json(
    """{"name": "tiny", "width": 8,
 "task": {"kind": "table", "features": 13, "heads": [{"name": "grower", "size": 3}]},
 "stacks": [{"name": "encoder", "causal": false, "layers": [{"pattern": [{"parts": [
   {"body": {"kind": "moe", "experts": [{"count": 3, "kind": "mlp", "hidden": 4}], "router": {
     "score": {"kind": "linear"}, "select": {"kind": "top_k", "k": 2},
     "weigh": {"kind": "raw"}, "combine": {"kind": "output_mix"}}}}]}]}]}]}"""
)
PLAN = Plan(steps=20, data="table:wine", threads=1, execution="sparse", evaluate_examples=8)


@dataclass
class Exported:
    """A run of step 10, and what its first export left."""

    engine: LocalEngine
    run: RunPublic
    result: dict[str, Any]
    said: list[tuple[float, str]]
    job: str

    @property
    def folder(self) -> Path:
        return files.folder(self.engine.root, "runs", self.run.id)


def made(engine: LocalEngine, data: str = PLAN.data) -> RunPublic:
    """A run with one checkpoint, that nobody trains."""
    document = Document(DESIGN.name, DESIGN.model_dump_json(), DESIGN.sha)
    run = runs.create(engine.db, document, PLAN, data, data)
    runs.stop(engine.db, run.id)
    folder = files.folder(engine.root, "runs", run.id)
    write_whole(folder / "design.json", DESIGN.model_dump_json())
    write_whole(folder / "plan.json", PLAN.model_dump_json())
    model, step = build(DESIGN, seed=3), {"step": torch.zeros(1)}
    checkpoint.save(folder, Checkpoint(10, DESIGN.sha, PLAN.sha, tensors_of(model), step, {}))
    return runs.get(engine.db, run.id)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    engine = LocalEngine(tmp_path_factory.mktemp("data"))
    run, said = made(engine), []
    job = jobs.create(engine.db, "export", run.id, {"target": "onnx", "routing": True}, "click")
    result = perform(engine, job, lambda share, message: said.append((share, message)))
    yield Exported(engine, run, result, said, job.id)
    engine.db.close()


@pytest.fixture
def quick(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> Exported:
    """Further exports take the traced graph from the file, and the command line looks here."""
    path = exported.folder / "exports" / exported.job / "model.onnx"
    monkeypatch.setattr(graph, "to_graph", lambda exported, opset: ir.load(path))
    monkeypatch.setenv("MOE_STUDIO_DATA", str(exported.engine.root))
    return exported


def call(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    status = cli.main(["export", *argv])
    output = capsys.readouterr()
    return status, output.out, output.err


def test_the_job_keeps_the_file_with_the_run(exported: Exported) -> None:
    path = exported.folder / "exports" / exported.job / "model.onnx"
    assert exported.result["files"] == {"model.onnx": path.stat().st_size}
    assert exported.result["parity"]["verdict"] == "PASS"
    assert exported.result["notes"] == []
    json.dumps(exported.result, allow_nan=False)
    shares = [share for share, _ in exported.said]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert named_task("export") is perform


def test_the_file_says_what_its_answers_mean(exported: Exported) -> None:
    path = exported.folder / "exports" / exported.job / "model.onnx"
    told = {entry.key.removeprefix("moe_studio."): entry.value for entry in onnx.load(path).metadata_props}
    assert (told["run"], told["step"]) == (exported.run.id, "10")
    assert len(json.loads(told["classes"])["grower"]) == 3
    assert len(json.loads(told["columns"])) == 13


@pytest.mark.parametrize("erased", [True, False])
def test_a_run_deleted_during_its_export_leaves_nothing(
    quick: Exported, erased: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its weights were read and before the first file: the export makes the run's folder anew."""
    engine = quick.engine
    run = made(engine, f"gone-{erased}")
    job = jobs.create(engine.db, "export", run.id, {"target": "onnx", "routing": True}, f"late {erased}")
    said: list[str] = []

    def gone(*_: object, **__: object) -> None:
        runs.mark_for_deletion(engine.db, run.id)
        files.remove(engine.root, "runs", run.id)
        if erased:
            runs.erase(engine.db, run.id)
        raise DataError("There is no such data.", "", "choose another.")

    monkeypatch.setattr("app.exporting.load", gone)
    with pytest.raises(UserError, match=r"was deleted while it was exported.*To fix this"):
        perform(engine, job, lambda _, message: said.append(message))
    assert "Writing the file" in said
    assert not files.folder(engine.root, "runs", run.id).exists()
    runs.erase(engine.db, run.id)


def test_the_command_prints_the_figures(
    quick: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "wine.onnx"
    status, printed, progress = call(capsys, quick.run.id, "--to", "onnx", "--out", str(out), "--no-routing")
    assert status == 0
    assert out.is_file()
    assert printed.splitlines()[-1] == "parity: PASS"
    assert "encoder.0.0" in printed
    assert "Comparing" in progress


def test_a_failed_parity_ends_with_1_and_no_file(
    quick: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = target.judge
    monkeypatch.setattr(target, "judge", lambda *args: replace(judge(*args), error=1.0))
    out = tmp_path / "wine.onnx"
    status, printed, said = call(capsys, quick.run.id, "--to", "onnx", "--out", str(out), "--json")
    assert status == 1
    assert not out.exists()
    assert json.loads(printed)["parity"]["verdict"] == "FAIL"
    assert "was not written" in said


@pytest.mark.parametrize(
    ("run", "to", "words"),
    [
        (None, "hls", "HLS bundle is not built yet. To fix this, choose onnx"),
        (None, "onxx", "To fix this, choose onnx."),
        ("nobody-000000", "onnx", "There is no run"),
    ],
)
def test_a_mistake_is_answered_in_words(
    quick: Exported, capsys: pytest.CaptureFixture[str], run: str | None, to: str, words: str
) -> None:
    status, printed, said = call(capsys, run or quick.run.id, "--to", to, "--out", "x.onnx")
    assert (status, printed) == (1, "")
    assert words in said


def test_a_run_whose_data_is_gone_is_compared_on_made_up_inputs(quick: Exported, tmp_path: Path) -> None:
    run = made(quick.engine, "tables-000000000000")
    report, notes = export_run(
        quick.engine.root,
        run,
        "onnx",
        tmp_path / "a.onnx",
        routing=True,
        progress=lambda share, message: None,
    )
    assert report.passed
    assert notes == [NO_DATA]


def test_a_step_that_was_not_kept_is_refused(quick: Exported, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="To fix this"):
        export_run(
            quick.engine.root,
            quick.run,
            "onnx",
            tmp_path / "a.onnx",
            routing=True,
            progress=lambda share, message: None,
            step=7,
        )
