"""The exported file in onnxruntime beside the model, over the inputs that break exports."""

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
import torch

from core.export.onnx import run
from core.export.onnx.target import judge
from core.export.onnx.wrapper import Exported
from core.export.parity import Array
from core.model.routing.score.linear import Linear
from tests.core.export.onnx.conftest import IMAGE, TRAINED, Case, Held, exported, layer, router


def bytes_of(*shape: int) -> Array:
    return np.random.default_rng(sum(shape)).integers(0, 256, shape)


@pytest.mark.parametrize("name", ["text", "image", "table"])
def test_every_task_passes(name: str, request: pytest.FixtureRequest) -> None:
    report = request.getfixturevalue(name).report
    assert report.passed
    assert report.parity.error <= 1e-5 * max(1.0, report.parity.largest_logit)
    assert all(layer.hard == 0 for layer in report.parity.layers)
    assert report.parity.batches >= 4


def test_text_of_any_batch_and_length(text: Case) -> None:
    parity = text.parity(*(bytes_of(b, s) for b, s in [(1, 1), (1, 2), (1, 31), (5, 1), (7, 13), (2, 32)]))
    assert parity.verdict == "PASS"
    assert [layer.same_set for layer in parity.layers] == [194, 194]
    assert parity.agreement == 1.0


def test_one_token_again_and_again_goes_to_the_same_experts_and_others_idle(text: Case) -> None:
    inputs = np.full((2, 12), 65)
    assert text.parity(inputs).passed
    first = text.answers(inputs).routing["decoder.0.1"].expert
    assert len({tuple(sorted(token)) for token in first.reshape(-1, 2).tolist()}) == 1


@pytest.mark.parametrize("rows", [1, 2, 7, 64])
def test_capacity_drops_the_same_tokens(table: Case, rows: int) -> None:
    inputs = np.random.default_rng(rows).normal(size=(rows, 3)).astype(np.float32)
    assert table.parity(inputs).verdict == "PASS"
    expert = table.answers(inputs).routing["encoder.0.0"].expert
    places = -(-9 * rows // 30)
    assert max(np.bincount(expert[expert >= 0], minlength=3)) <= places
    if rows == 64:
        assert (expert == -1).any()


@pytest.mark.parametrize("rows", [1, 5])
def test_schedules_stand_where_training_was(image: Case, rows: int) -> None:
    inputs = np.random.default_rng(rows).random((rows, 4, 4, 1), np.float32)
    seen = image.answers(inputs)
    assert image.parity(inputs).verdict == "PASS"
    # k goes from 3 to 1, and half of the training was done.
    assert seen.routing["encoder.0.1"].expert.shape == (rows, 4, 2)
    assert {name: logits.shape for name, logits in seen.logits.items()} == {
        "digit": (rows, 5),
        "a/b c": (rows, 1),
    }


def with_router(case: Case, change: Any, tmp_path: Any) -> Case:
    """The case with its first router's weights changed in the model and in the file alike."""
    model = ir.load(case.path)
    value = model.graph.initializers["layers.decoder.0.1.router.score.weight"]
    assert value.const_value is not None
    value.const_value = ir.tensor(change(value.const_value.numpy()).astype(np.float32), name=value.name)
    ir.save(model, tmp_path / "changed.onnx")
    return Case(case.model, tmp_path / "changed.onnx", case.report)


def test_exact_ties_go_to_the_lower_index_on_both_sides(text: Case, tmp_path: Any) -> None:
    changed = with_router(text, np.zeros_like, tmp_path)
    weight = next(m for m in text.model.modules() if isinstance(m, Linear)).weight
    biases = [buffer for name, buffer in text.model.named_buffers() if name.endswith("bias")]
    kept = weight.detach().clone(), biases[0].clone()
    model = ir.load(changed.path)
    for value in model.graph.initializers.values():
        if value.name == "layers.decoder.0.1.balance.0.bias":
            value.const_value = ir.tensor(np.zeros(6, np.float32), name=value.name)
    ir.save(model, changed.path)
    with torch.no_grad():
        weight.zero_()
        biases[0].zero_()
    try:
        inputs = bytes_of(3, 7)
        assert changed.answers(inputs).routing["decoder.0.1"].expert.tolist() == [[[0, 1]] * 7] * 3
        assert changed.parity(inputs).layers[0].same_order == 21
    finally:
        with torch.no_grad():
            weight.copy_(kept[0])
            biases[0].copy_(kept[1])


def test_a_router_that_is_slightly_off_fails_at_its_layer(text: Case, tmp_path: Any) -> None:
    noise = np.random.default_rng(0).normal(scale=1e-3, size=(6, 16))
    parity = with_router(text, lambda weight: weight + noise, tmp_path).parity(bytes_of(4, 32))
    assert parity.verdict == "FAIL"
    assert parity.layers[0].failed


def test_swapped_experts_fail_at_their_layer(text: Case, tmp_path: Any) -> None:
    model = ir.load(text.path)
    values = [model.graph.initializers[f"layers.decoder.0.1.experts.{e}.down"] for e in (0, 1)]
    values[0].const_value, values[1].const_value = values[1].const_value, values[0].const_value
    ir.save(model, tmp_path / "swapped.onnx")
    swapped = Case(text.model, tmp_path / "swapped.onnx", text.report)
    seen = swapped.parity(bytes_of(4, 32))
    assert [layer.failed for layer in seen.layers] == [False, True]
    assert seen.error > seen.bound
    parity = judge(text.model, Exported(text.model, TRAINED), swapped.path, TRAINED, [])
    assert parity.verdict == "FAIL"
    assert parity.layers[0].unequal_weights == tuple(f"layers.decoder.0.1.experts.{e}.down" for e in (0, 1))


def test_the_probes_hold_the_edges(text: Case) -> None:
    shapes = [probe["input_ids"].shape for probe in run.probes(text.design, [Held(bytes_of(500, 32))])]
    assert shapes == [(1, 1), (1, 7), (3, 12), (1, 32), (1, 32), (128, 32)]


def test_heads_may_answer_for_each_patch(tmp_path: Any) -> None:
    case = exported({**IMAGE, "task": {**IMAGE["task"], "each": "patch"}}, tmp_path)
    assert case.report.parity.verdict == "PASS"
    inputs = np.random.default_rng(0).random((3, 4, 4, 1), np.float32)
    assert case.parity(inputs).verdict == "PASS"
    assert {name: logits.shape for name, logits in case.answers(inputs).logits.items()} == {
        "digit": (3, 4, 5),
        "a/b c": (3, 4, 1),
    }


def test_a_text_of_one_token_with_learned_positions(tmp_path: Any) -> None:
    """Its length cannot vary, and its one position is a row that has the bytes of a column."""
    body = {"kind": "moe", "experts": [{"count": 1, "kind": "glu", "hidden": 4}], "router": router(1)}
    document = {
        "width": 8,
        "task": {"kind": "language_model", "vocabulary": 256, "context": 1, "tokenizer": "bytes"},
        "embedding": {"position": "learned"},
        "stacks": [{"final_norm": False, "layers": [layer(body)]}],
    }
    case = exported(document, tmp_path)
    assert case.report.parity.verdict == "PASS"
    assert case.parity(bytes_of(9, 1)).verdict == "PASS"
