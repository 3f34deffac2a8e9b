"""Selectors in a file: as many columns as a token may need, islands, choices over the whole batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.export.onnx.target import export_onnx
from tests.core.export.onnx.conftest import TABLE, layer, router, trained


def body(select: dict[str, Any], **more: Any) -> dict[str, Any]:
    experts = [{"count": 4, "kind": "mlp", "hidden": 8}]
    return {"kind": "moe", "experts": experts, "router": router() | {"select": select}, **more}


@pytest.mark.slow
def test_ragged_grouped_and_whole_batch_choices_are_ours(tmp_path: Path) -> None:
    bodies = (
        body({"kind": "top_p", "p": 0.6}),
        body({"kind": "group_top_k", "k": 2, "top_islands": 1}, islands=2),
        body({"kind": "expert_choice", "factor": 1.3}),
    )
    stack = {**TABLE["stacks"][0], "layers": [layer(*bodies)]}
    model = trained({**TABLE, "stacks": [stack]})
    report = export_onnx(model, model.design, tmp_path / "model.onnx")
    assert report.parity.verdict == "PASS"
    assert all(found.same_set == found.tokens > 0 for found in report.parity.layers)
    # A better expert in another island is no near tie: it would excuse any choice at all.
    assert all(found.smallest_margin >= 0 for found in report.parity.layers)
