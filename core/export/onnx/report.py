"""What an ONNX export tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.export.parity import LayerParity, Parity

_HEAD = ("layer", "tokens", "same set", "same order", "near ties", "downstream", "hard", "probability error")
_WIDTHS = (16, 8, 10, 11, 10, 11, 6, 18)


@dataclass(frozen=True)
class ExportReport:
    """What was exported. `files` are bytes by file name, empty if nothing was written: parity failed.

    tasks: what each number of the input `task_ids` stands for, empty where the file has no such input.
    """

    path: Path
    files: Mapping[str, int]
    parity: Parity
    inputs: tuple[str, ...]
    tasks: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: int
    opset: int
    seconds: float

    @property
    def passed(self) -> bool:
        return self.parity.passed

    def as_json(self) -> dict[str, Any]:
        return {
            "target": "onnx",
            "files": dict(self.files),
            "parity": self.parity.as_json(),
            "inputs": list(self.inputs),
            "tasks": list(self.tasks),
            "outputs": list(self.outputs),
            "nodes": self.nodes,
            "opset": self.opset,
            "seconds": round(self.seconds, 1),
        }

    def lines(self) -> list[str]:
        parity = self.parity
        told = [_row(_HEAD)] if parity.layers else []
        for layer in parity.layers:
            told.append(_row(_cells(layer)))
            told += [f"  not the run's weights: {name}" for name in layer.unequal_weights]
        told += [f"not the run's weights: {name}" for name in parity.unequal_weights]
        told.append(
            f"largest logit error {parity.error:.1e} of {parity.bound:.1e} allowed (largest logit"
            f" {parity.largest_logit:.1f}), same answer {parity.agreement:.2%} of {parity.answers:,}"
        )
        told += [f"{name}  {size:,} bytes" for name, size in self.files.items()]
        if self.tasks:
            numbers = ", ".join(f"{number} = {name}" for number, name in enumerate(self.tasks))
            told.append(f"asks for task_ids, one a row: {numbers}")
        told.append(f"opset {self.opset}, {self.nodes} nodes, {self.seconds:.0f} s")
        return [*told, f"parity: {parity.verdict}"]


def _row(cells: tuple[str, ...]) -> str:
    first, *rest = (f"{cell:>{width}}" for cell, width in zip(cells, _WIDTHS, strict=True))
    return " ".join([first.strip().ljust(_WIDTHS[0]), *rest])


def _cells(layer: LayerParity) -> tuple[str, ...]:
    tokens = max(1, layer.tokens)
    return (
        layer.path,
        f"{layer.tokens:,}",
        f"{layer.same_set / tokens:.2%}",
        f"{layer.same_order / tokens:.2%}",
        f"{layer.near_tie:,}",
        f"{layer.downstream:,}",
        f"{layer.hard:,}",
        f"{layer.probability_error:.1e}",
    )
