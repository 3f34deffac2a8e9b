"""When a file is written, how, and when not."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
import torch

from core.design.spec import Design
from core.export.errors import ExportError
from core.export.onnx.graph import OPSET, to_graph
from core.export.onnx.target import export_onnx
from core.export.onnx.wrapper import Exported
from core.model.model import Model
from tests.core.export.onnx.conftest import TABLE, TRAINED, Case

ROWS = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)


def again(model: Model, path: Path, **options: Any) -> Any:
    return export_onnx(model, model.design, path, trained=TRAINED, **options)


def double(model: ir.Model) -> None:
    """One wrong weight."""
    value = model.graph.initializers["layers.encoder.0.0.experts.1.down"]
    assert value.const_value is not None
    value.const_value = ir.tensor(2 * value.const_value.numpy(), name=value.name)


def test_without_routing_the_answers_are_the_same(
    table: Case, traced: Callable[..., None], tmp_path: Path
) -> None:
    traced()
    report = again(table.model, tmp_path / "plain.onnx", routing_outputs=False)
    assert report.outputs == ("logits/target",)
    assert report.parity.layers == table.report.parity.layers
    assert report.nodes < table.report.nodes
    plain = Case(table.model, tmp_path / "plain.onnx", report).answers(ROWS, routing=False)
    assert np.array_equal(plain.logits["target"], table.answers(ROWS).logits["target"])


def test_large_weights_lie_in_a_file_of_their_own(
    table: Case, traced: Callable[..., None], tmp_path: Path
) -> None:
    traced()
    report = again(table.model, tmp_path / "big.onnx", external_bytes=0)
    assert list(report.files) == ["big.onnx", "big.onnx.data"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["big.onnx", "big.onnx.data"]
    big = Case(table.model, tmp_path / "big.onnx", report).answers(ROWS)
    assert np.array_equal(big.logits["target"], table.answers(ROWS).logits["target"])


def test_a_file_that_fails_is_not_kept_and_the_old_one_is(
    table: Case, traced: Callable[..., None], tmp_path: Path
) -> None:
    traced(double)
    path = tmp_path / "model.onnx"
    path.write_bytes(b"the old one")
    report = again(table.model, path)
    assert (report.passed, report.files) == (False, {})
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.onnx"]
    assert path.read_bytes() == b"the old one"
    text = "\n".join(report.lines())
    assert "parity: FAIL" in text
    assert "not the run's weights: layers.encoder.0.0.experts.1.down" in text
    json.dumps(report.as_json(), allow_nan=False)


def test_progress_ends_at_one_and_a_cancelled_export_leaves_nothing(
    table: Case, traced: Callable[..., None], tmp_path: Path
) -> None:
    traced()
    shares: list[float] = []
    again(table.model, tmp_path / "a.onnx", progress=lambda share, message: shares.append(share))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0

    def stop(share: float, message: str) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        again(table.model, tmp_path / "b.onnx", progress=stop)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.onnx"]


def test_the_report_shows_a_row_for_each_layer(table: Case) -> None:
    lines = table.report.lines()
    assert lines[0].split()[:2] == ["layer", "tokens"]
    assert lines[1].startswith("encoder.0.0 ")
    assert lines[-1] == f"parity: {table.report.parity.verdict}"
    assert table.report.as_json()["files"] == {"model.onnx": table.path.stat().st_size}


def test_a_folder_in_the_way_is_refused_before_any_work(table: Case, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="To fix this"):
        again(table.model, tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match="To fix this"):
        again(table.model, tmp_path / "file" / "model.onnx")


def test_a_design_that_cannot_be_exported_is_refused(table: Case, tmp_path: Path) -> None:
    document = json.loads(json.dumps(TABLE))
    router = document["stacks"][0]["layers"][0]["pattern"][0]["parts"][0]["body"]["router"]
    router |= {"select": {"kind": "sample_one"}, "capacity": None}
    with pytest.raises(ExportError, match="To fix this"):
        export_onnx(table.model, Design.model_validate(document), tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_making_the_graph_is_silent(
    table: Case, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    export = torch.onnx.export

    def noisy(*args: Any, **options: Any) -> Any:
        # As torch does for the operators of larger designs.
        ir.convenience.convert_attribute("axes", [])
        return export(*args, **options)

    monkeypatch.setattr(torch.onnx, "export", noisy)
    to_graph(Exported(table.model, TRAINED), OPSET)
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING] == []
