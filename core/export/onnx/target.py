"""Export to ONNX: sparse, any batch and length, checked against our own results before it is kept."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir

from core.design.rules import check, errors
from core.design.spec import Design
from core.export.errors import ExportError
from core.export.onnx import graph, run
from core.export.onnx.files import EXTERNAL_BYTES, keep, save, workshop
from core.export.onnx.metadata import metadata
from core.export.onnx.report import ExportReport
from core.export.onnx.wrapper import Exported, input_names, routed_bodies, tasks_told
from core.export.onnx.wrapper import routing_outputs as routing_names
from core.export.parity import Parity, compare
from core.export.registry import Examples, Progress, Subject
from core.model.model import Model


def export(subject: Subject, path: Path, routing: bool, progress: Progress) -> ExportReport:
    """The target's exporter."""
    model: Model = subject.model
    return export_onnx(
        model,
        model.design,
        path,
        trained=subject.trained,
        examples=subject.examples,
        about=subject.about,
        routing_outputs=routing,
        progress=progress,
    )


def export_onnx(
    model: Model,
    design: Design,
    path: Path,
    *,
    trained: float = 1.0,
    examples: Sequence[Examples] = (),
    about: Mapping[str, str] | None = None,
    routing_outputs: bool = True,
    opset: int = graph.OPSET,
    external_bytes: int = EXTERNAL_BYTES,
    progress: Progress = lambda share, message: None,
) -> ExportReport:
    """Write `model` to `path` if the file answers as the model does; the figures either way.

    trained: share of the training done, where schedules are read. examples: held-out batches to compare
    on, beside our own. about: facts to keep in the file. The model is left in eval mode.
    Raises ExportError for a design that has errors at stage export:onnx, or a path that cannot be written.
    """
    found = errors(check(design, stage="export:onnx"))
    if found:
        raise ExportError(str(found[0]))
    began = time.perf_counter()
    model.eval()
    with workshop(path) as shop:
        progress(0.05, "Tracing the model")
        exported = Exported(model, trained)
        made = graph.to_graph(exported, opset)
        progress(0.6, "Checking the file")
        draft, final = shop / "draft.onnx", shop / path.name
        save(made, draft, external_bytes)
        onnx.checker.check_model(draft, full_check=True)
        progress(0.7, "Comparing with the studio's own results")
        parity = judge(model, exported, draft, trained, examples)
        if not routing_outputs:
            graph.without_outputs(made, routing_names(design))
        made.metadata_props.update(metadata(design, opset, parity, about or {}))
        progress(0.9, "Writing the file")
        save(made, final, external_bytes)
        onnx.checker.check_model(final, full_check=True)
        if not routing_outputs:
            _confirm(design, draft, final, examples)
        files = keep(final, path) if parity.passed else {}
    progress(1.0, parity.verdict)
    return ExportReport(
        path,
        files,
        parity,
        tuple(input_names(design)),
        tasks_told(design),
        tuple(str(output.name) for output in made.graph.outputs),
        sum(1 for _ in made.graph),
        opset,
        time.perf_counter() - began,
    )


def judge(
    model: Model, exported: Exported, path: Path, trained: float, examples: Sequence[Examples]
) -> Parity:
    """The file at `path`, with routing outputs, beside the model: weights bit by bit, then results."""
    opened, design = run.session(path), model.design
    pairs = [
        (run.ours(model, fed, trained), run.theirs(opened, design, fed, routing=True))
        for fed in run.probes(design, examples)
    ]
    causal = all(stack.causal for stack in design.stacks)
    return compare(pairs, causal=causal, unequal_weights=unequal_weights(exported, path))


def unequal_weights(exported: Exported, path: Path) -> dict[str, tuple[str, ...]]:
    """Parameters in the file that are not ours bit by bit, by their routed part, those elsewhere under ""."""
    kept = {value.name: value.const_value for value in ir.load(path).graph.initializers.values()}
    found: dict[str, list[str]] = {}
    paths = routed_bodies(exported.model.design)
    for name, tensor in graph.tensors(exported).items():
        value, mine = kept.get(name), tensor.numpy()
        if value is None and (value := kept.get(f"{name}.transposed")) is not None:
            mine = mine.T
        # torch.onnx keeps one of several equal constants and folds tiny ones: those the results judge.
        if value is not None and not np.array_equal(value.numpy(), mine):
            owner = next((part for part in paths if name.startswith(f"layers.{part}.")), "")
            found.setdefault(owner, []).append(name)
    return {owner: tuple(names) for owner, names in found.items()}


def _confirm(design: Design, draft: Path, final: Path, examples: Sequence[Examples]) -> None:
    """Taking outputs off a graph changes no logit; what is written must have been judged."""
    opened = [run.session(each) for each in (draft, final)]
    for fed in run.probes(design, examples):
        before, after = (run.theirs(each, design, fed, routing=False).logits for each in opened)
        if not all(np.array_equal(before[head], after[head], equal_nan=True) for head in before):
            raise ExportError(
                "The file without routing outputs does not answer as the one with them. "
                "To fix this, export with routing outputs."
            )
