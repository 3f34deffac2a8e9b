"""From a model to a clean ONNX graph: our names, no trace of where or how it was made."""

from __future__ import annotations

import ast
import hashlib
import logging
import re
import warnings
from collections.abc import Iterator
from typing import Any

import numpy.typing as npt
import onnx_ir as ir
import torch
from torch import Tensor

from core.export.onnx.translate import table
from core.export.onnx.wrapper import (
    Exported,
    dynamic_shapes,
    head_outputs,
    input_names,
    routing_outputs,
    sample,
)
from core.model.experts import ExpertBank

OPSET = 20
IR_VERSION = 10
_SCOPES = "pkg.torch.onnx.name_scopes"


def to_graph(exported: Exported, opset: int) -> ir.Model:
    """The ONNX model, with all routing outputs, named and cleaned."""
    design = exported.model.design
    with warnings.catch_warnings():
        # torch pickles its own deprecated class while it copies a graph.
        warnings.filterwarnings("ignore", r".*isinstance\(treespec, LeafSpec\)", FutureWarning)
        # torch says that two inputs of one batch have one batch.
        warnings.filterwarnings("ignore", r".*it shares the same shape constraints", UserWarning)
        # torch gives its operators empty lists of no type, and onnx_ir says of each that it took integers;
        # onnxscript says what it does not fold.
        with _quiet("torch.onnx"), _quiet("onnx_ir"), _quiet("onnxscript"), torch.no_grad():
            program = torch.onnx.export(
                exported,
                sample(design),
                dynamo=True,
                opset_version=opset,
                input_names=input_names(design),
                output_names=[*head_outputs(design), *routing_outputs(design)],
                dynamic_shapes=dynamic_shapes(design),
                custom_translation_table=table(),
                verbose=False,
            )
    assert program is not None
    model: ir.Model = program.model
    model.ir_version = IR_VERSION
    _name_initializers(model, exported)
    _clean(model, _starts(exported))
    return model


def without_outputs(model: ir.Model, names: list[str]) -> None:
    """Remove outputs, and what only they needed, in place."""
    outputs = model.graph.outputs
    for value in [output for output in outputs if output.name in names]:
        outputs.remove(value)
    ir.passes.common.RemoveUnusedNodesPass()(model)


def readable_names(exported: Exported) -> dict[str, str]:
    """Name in the file by name in torch: `layers.decoder.1.1.experts.3.down`, ids counted through groups."""
    starts = _starts(exported)
    names = (name for name, _ in (*exported.named_parameters(), *exported.named_buffers()))
    return {name: _readable(name, starts) for name in names}


def _starts(exported: Exported) -> dict[str, list[int]]:
    """First expert id of every group, by the name of the bank."""
    banks = ((name, module) for name, module in exported.named_modules() if isinstance(module, ExpertBank))
    return {name: bank.starts for name, bank in banks}


def _readable(name: str, starts: dict[str, list[int]]) -> str:
    found = re.match(r"(.*)\.groups\.(\d+)\.experts\.(\d+)(.*)", name)
    if found:
        bank, group, expert, rest = found.groups()
        name = f"{bank}.{starts[bank][int(group)] + int(expert)}{rest}"
    name = re.sub(r"\.body(?=\.|$)", "", name.removeprefix("model."))
    return name.removeprefix("ends.")


def tensors(exported: Exported) -> dict[str, Tensor]:
    """Our parameters and buffers by their name in the file."""
    names = readable_names(exported)
    ours = {**dict(exported.named_parameters()), **dict(exported.named_buffers())}
    return {names[name]: tensor for name, tensor in ours.items()}


def _name_initializers(model: ir.Model, exported: Exported) -> None:
    """Give constants our names; small matrices that torch.onnx stored transposed are found by their bytes."""
    names = readable_names(exported)
    turned = {
        _digest(tensor.t().contiguous().numpy()): f"{name}.transposed"
        for name, tensor in tensors(exported).items()
        if tensor.dim() == 2
    }
    graph = model.graph
    for value in list(graph.initializers.values()):
        name = names.get(value.name or "")
        if name is None and value.const_value is not None and len(value.const_value.shape) == 2:
            name = turned.get(_digest(value.const_value.numpy()))
        if name is not None and name not in graph.initializers:
            value.name = name


def _digest(array: npt.NDArray[Any]) -> bytes:
    """Of shape and content: a single row has the bytes of a single column."""
    return hashlib.blake2b(repr((array.shape, array.dtype.str)).encode() + array.tobytes()).digest()


def _clean(model: ir.Model, starts: dict[str, list[int]]) -> None:
    """Name nodes by their place in the model; drop stack traces, source lines, paths, torch's graph text."""
    numbers: dict[str, int] = {}
    for node in _nodes(model):
        place = _readable(_place(node), starts)
        number = numbers[place] = numbers.get(place, -1) + 1
        node.name = f"{place}/{node.op_type}_{number}"
        node.metadata_props.clear()
        node.doc_string = None
        for value in node.outputs:
            value.metadata_props.clear()
            value.doc_string = None
    for value in (*model.graph.inputs, *model.graph.initializers.values()):
        value.metadata_props.clear()
        value.doc_string = None
    model.graph.metadata_props.clear()
    model.graph.doc_string = None
    model.metadata_props.clear()
    model.doc_string = None
    model.graph.name = "model"
    model.producer_name = "MoE Studio"
    model.producer_version = None


def _nodes(model: ir.Model) -> Iterator[ir.Node]:
    yield from model.graph
    for function in model.functions.values():
        yield from function


def _place(node: ir.Node) -> str:
    """The module that a node comes from, by torch's note of it."""
    try:
        scopes = ast.literal_eval(node.metadata_props.get(_SCOPES, "[]"))
    except (SyntaxError, ValueError):
        scopes = []
    inside = [scope for scope in scopes[:-1] if scope.startswith("model.")]
    return inside[-1] if inside else "model"


class _quiet:  # noqa: N801 - a context manager, used like a function
    """Keep a library's logger from writing to the user's terminal."""

    def __init__(self, name: str) -> None:
        self.logger = logging.getLogger(name)

    def __enter__(self) -> None:
        self.level = self.logger.level
        self.logger.setLevel(logging.ERROR)

    def __exit__(self, *error: object) -> None:
        self.logger.setLevel(self.level)
