"""What the file says about itself: strings that every ONNX reader shows."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping

from core.cost.count import count
from core.design.bodies.moe import Moe
from core.design.bodies.routed_block import RoutedBlock
from core.design.canonical import canonical_json
from core.design.spec import Design
from core.export.onnx.wrapper import routed_bodies, tasks_told
from core.export.parity import Parity

FORMAT_VERSION = 1
PACKAGES = ("torch", "onnx", "onnxscript", "onnxruntime")


def metadata(design: Design, opset: int, parity: Parity, about: Mapping[str, str]) -> dict[str, str]:
    """Keys begin with `moe_studio.`; values are text, numbers or JSON."""
    counts = count(design)
    text = design.task.kind == "language_model"
    told = {
        **about,
        "format_version": str(FORMAT_VERSION),
        "design": canonical_json(design),
        "design_sha256": design.sha,
        "routing": json.dumps([_routed(path, body) for path, body in routed_bodies(design).items()]),
        "total_parameters": str(counts.total),
        "active_parameters": str(round(counts.active("R1"))),
        "tokenizer": "bytes" if text else "none",
        # What each number of the input `task_ids` stands for; empty where a file has no such input.
        "tasks": json.dumps(tasks_told(design)),
        "opset": str(opset),
        "parity": json.dumps(
            {"verdict": parity.verdict, "largest_error": parity.error, "bound": parity.bound}
        ),
        "versions": json.dumps({name: importlib.metadata.version(name) for name in PACKAGES}),
    }
    return {f"moe_studio.{key}": value for key, value in told.items()}


def _routed(path: str, body: Moe | RoutedBlock) -> dict[str, object]:
    router, whole = body.router, isinstance(body, RoutedBlock)
    if isinstance(body, RoutedBlock):
        count, shared = body.copies, 0
    else:
        count, shared = body.count, sum(group.count for group in body.shared)
    return {
        "path": path,
        # Of a layer's own experts, or copies of a whole layer, which then take whole examples.
        "expert": "layer" if whole else "ffn",
        "experts": count,
        "k": router.select.expected(count),
        "shared": shared,
        "score": router.score.kind,
        "score_function": router.score_function,
        "select": router.select.kind,
        "weigh": router.weigh.kind,
        "combine": router.combine.kind,
        # A layer that selects nothing has no output of experts, and its probabilities are their shares.
        "selects": router.combine.selects,
        # Whether what a token gets depends on the other examples of the batch.
        "whole_batch": router.whole_batch,
        "capacity": None if router.capacity is None else router.capacity.eval,
    }
