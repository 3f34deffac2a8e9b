"""What is in the file: standard operators, our names, nothing of this machine, experts that stay sparse."""

import getpass
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from core.cost.count import count
from core.design.spec import Design
from tests.core.export.onnx.conftest import Case

EXPERTS = range(6)
#: Of the text's experts, those with weights.
WEIGHTED = range(4)


def loaded(case: Case) -> onnx.ModelProto:
    return onnx.load(case.path)


def test_standard_operators_of_opset_20(text: Case) -> None:
    model = loaded(text)
    onnx.checker.check_model(text.path, full_check=True)
    assert model.ir_version == 10
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 20)]
    assert {node.domain for node in model.graph.node} == {""}
    assert not {"If", "Loop", "Scan", "NonZero"} & {node.op_type for node in model.graph.node}
    assert not model.functions


def test_inputs_and_outputs_by_name_with_free_sizes(text: Case, image: Case) -> None:
    graph = loaded(text).graph
    shape = graph.input[0].type.tensor_type.shape.dim
    assert [graph.input[0].name, *(d.dim_param for d in shape)] == ["input_ids", "batch", "sequence"]
    routing = [f"routing/decoder.{i}.1/{what}" for i in (0, 1) for what in ("probability", "expert")]
    assert [output.name for output in graph.output] == ["logits", *routing]
    pictures = loaded(image).graph
    assert pictures.input[0].name == "pixels"
    assert [output.name for output in pictures.output][:2] == ["logits/digit", "logits/a_b_c"]


def test_nothing_of_this_machine_is_in_the_file(text: Case, root: Path) -> None:
    content = text.path.read_bytes()
    private = [str(root), str(Path.home()), "site-packages", ".py", "stack_trace", "fx_node", "pkg.torch"]
    private += ["/work", "/tmp", "/home"] + ([getpass.getuser()] if len(getpass.getuser()) > 4 else [])
    assert [word for word in private if word.encode() in content] == []


def test_every_expert_has_its_matrices_under_its_name(text: Case) -> None:
    names = {tensor.name for tensor in loaded(text).graph.initializer}
    for path in ("decoder.0.1", "decoder.1.1"):
        matrices = {f"experts.{e}.{m}" for e in range(3) for m in ("gate_up", "down")}
        matrices |= {"experts.3.up", "experts.3.down", "experts.3.up_bias", "experts.3.down_bias"}
        matrices |= {"shared.0.gate_up", "shared.0.down", "router.score.weight"}
        assert {f"layers.{path}.{name}" for name in matrices} <= names
    places = {node.name.split("/")[0] for node in loaded(text).graph.node}
    assert {"layers.decoder.1.1.router", "layers.decoder.1.1.experts.3", "final_norm"} <= places


def test_metadata_gives_the_design_back(text: Case) -> None:
    session = onnxruntime.InferenceSession(text.path, providers=["CPUExecutionProvider"])
    told = session.get_modelmeta().custom_metadata_map
    assert {key.split(".")[0] for key in told} == {"moe_studio"}
    told = {key.removeprefix("moe_studio."): value for key, value in told.items()}
    assert Design.model_validate_json(told["design"]) == text.design
    assert told["design_sha256"] == text.design.sha
    assert int(told["total_parameters"]) == count(text.design).total
    assert (told["tokenizer"], told["run"], told["format_version"]) == ("bytes", "tiny-1", "1")
    assert json.loads(told["parity"])["verdict"] == text.report.parity.verdict
    assert [layer["path"] for layer in json.loads(told["routing"])] == ["decoder.0.1", "decoder.1.1"]
    assert {"torch", "onnxruntime"} <= json.loads(told["versions"]).keys()


def gemms(graph: onnx.GraphProto) -> Iterator[tuple[str, onnx.NodeProto]]:
    """Products with the weights of routed experts, by the path of their layer."""
    for node in graph.node:
        if node.op_type in ("Gemm", "MatMul"):
            layer, found, _ = node.input[1].removeprefix("layers.").partition(".experts.")
            if found:
                yield layer, node


def test_every_product_of_an_expert_gets_its_rows_from_a_split(text: Case) -> None:
    graph = loaded(text).graph
    maker = {output: node for node in graph.node for output in node.output}
    found = list(gemms(graph))
    assert len(found) == 2 * 2 * len(WEIGHTED)
    for path, node in found:
        rows = maker[node.input[0]]
        # The second product of an expert follows the first through its activation.
        while not (rows.op_type == "Split" and len(rows.output) == len(EXPERTS) + 1):
            assert rows.op_type in ("Gemm", "Mul", "Sigmoid", "Gelu", "Split")
            rows = maker[rows.input[0]]
        assert f"layers.{path}" in rows.name


@pytest.mark.parametrize("tokens", [1, 30])
def test_onnxruntime_multiplies_only_rows_that_were_routed(text: Case, tmp_path: Path, tokens: int) -> None:
    options = onnxruntime.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = str(tmp_path / "profile")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(text.path, options, providers=["CPUExecutionProvider"])
    inputs = np.random.default_rng(tokens).integers(0, 256, (1, tokens))
    names = [f"routing/decoder.{i}.1/expert" for i in (0, 1)]
    chosen = session.run(names, {"input_ids": inputs})
    events = json.loads(Path(session.end_profiling()).read_text())
    products = (e for e in events if e["cat"] == "Node" and e["args"].get("op_name") == "Gemm")
    shapes = {e["name"].removesuffix("_kernel_time"): e["args"].get("output_type_shape") for e in products}
    rows = {name: shape[0]["float"][0] for name, shape in shapes.items() if shape}
    executed = {"decoder.0.1": 0, "decoder.1.1": 0}
    for path, node in gemms(loaded(text).graph):
        executed[path] += rows[node.name]
    routed = [2 * int((expert < len(WEIGHTED)).sum()) for expert in chosen]
    assert list(executed.values()) == routed
    # K of E: at most 2 of the 4 experts with weights for a token, instead of all 4.
    assert all(total <= 2 * 2 * tokens for total in executed.values())
