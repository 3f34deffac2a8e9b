"""Whole layers as experts in a file: an example goes through the copies of its task, and through no other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.export.onnx import run
from tests.core.export.onnx.conftest import Case, exported

COPY = {
    "parts": [
        {"body": {"kind": "attention", "heads": 2, "kv_heads": 1, "window": 5}},
        {"body": {"kind": "dense", "expert": {"kind": "glu", "hidden": 12}}},
    ]
}
BY_TASK: dict[str, Any] = {
    "scope": "task",
    "condition": {"kind": "task_embedding", "dim": 6, "hidden": 5},
    "score": {"kind": "given"},
    "select": {"kind": "all"},
    "weigh": {"kind": "straight_through"},
    "combine": {"kind": "output_mix"},
}
BY_EXAMPLE: dict[str, Any] = {
    "scope": "example",
    "score": {"kind": "linear"},
    "select": {"kind": "top_k", "k": 2},
    "weigh": {"kind": "renormalised"},
    "combine": {"kind": "output_mix"},
}
TEXT = {
    "kind": "language_model",
    "vocabulary": 256,
    "context": 12,
    "tokenizer": "bytes",
    "tasks": list("abcdef"),
}
IMAGE = {
    "kind": "image_classifier",
    "height": 4,
    "width": 4,
    "channels": 1,
    "patch": 2,
    "heads": [{"name": "digit", "size": 5}],
}


def written(folder: Path, task: dict[str, Any], router: dict[str, Any], causal: bool) -> Case:
    block = {"kind": "routed_block", "copies": 3, "layer": COPY, "router": router}
    part = {"body": block, "norm": {"pre": False}}
    stack = {"name": "only", "causal": causal, "layers": [{"times": 1, "pattern": [{"parts": [part]}]}]}
    return exported({"width": 16, "task": task, "stacks": [stack]}, folder)


@pytest.fixture(scope="module")
def by_task(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return written(tmp_path_factory.mktemp("block"), TEXT, BY_TASK, causal=True)


def test_a_text_goes_through_the_copy_of_its_task(by_task: Case) -> None:
    assert by_task.report.parity.verdict == "PASS"
    assert by_task.report.inputs == ("input_ids", "task_ids")
    inputs = np.random.default_rng(3).integers(0, 256, (9, 11))
    task_id = np.arange(9) % 6
    seen = by_task.answers(inputs, task_id=task_id)
    assert list(seen.routing) == ["only.0.0"]
    for layer in seen.routing.values():
        # All tokens of a task have one copy, and tasks have several.
        each = [np.unique(layer.expert[task_id == task]).tolist() for task in range(6)]
        assert all(len(copies) == 1 for copies in each)
        assert len({tuple(copies) for copies in each}) > 1
    assert not np.allclose(seen.logits["next"], by_task.answers(inputs, task_id=task_id[::-1]).logits["next"])


def test_copies_of_no_example_compute_nothing(by_task: Case) -> None:
    """One task alone: the other copies are given no rows, and the answers are those of mixed batches."""
    inputs = np.random.default_rng(4).integers(0, 256, (6, 7))
    mixed = by_task.answers(inputs, task_id=np.arange(6)).logits["next"]
    for task in range(6):
        alone = by_task.answers(inputs[task : task + 1], task_id=np.array([task])).logits["next"]
        np.testing.assert_allclose(alone[0], mixed[task], rtol=0, atol=1e-5)
    assert by_task.parity(inputs, inputs[:1], inputs[:, :1]).verdict == "PASS"


def test_the_file_says_that_its_experts_are_layers(by_task: Case) -> None:
    about = run.session(by_task.path).get_modelmeta().custom_metadata_map
    told = json.loads(about["moe_studio.routing"])
    assert [(each["expert"], each["experts"]) for each in told] == [("layer", 3)]
    assert json.loads(about["moe_studio.tasks"]) == list("abcdef")


@pytest.mark.nightly
def test_an_image_chooses_two_copies_for_itself(tmp_path: Path) -> None:
    case = written(tmp_path, IMAGE, BY_EXAMPLE, causal=False)
    assert case.report.parity.verdict == "PASS"
    assert case.report.inputs == ("pixels",)
    inputs = np.random.default_rng(5).normal(size=(40, 4, 4, 1)).astype(np.float32)
    assert case.parity(inputs).verdict == "PASS"
    for layer in case.answers(inputs).routing.values():
        assert (layer.expert == layer.expert[:, :1]).all()
        assert len(np.unique(layer.expert)) > 2
