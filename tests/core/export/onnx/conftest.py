"""Three small designs, each exported once for the whole suite: tracing takes seconds."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
import torch

from core.design.spec import Design
from core.export.onnx import graph, run
from core.export.onnx.report import ExportReport
from core.export.onnx.target import export_onnx
from core.export.onnx.wrapper import Exported, feeds
from core.export.parity import Array, Parity, compare
from core.model.build import build
from core.model.model import Model

TRAINED = 0.5


def router(k: Any = 2, **more: Any) -> dict[str, Any]:
    return {
        "score": {"kind": "linear"},
        "select": {"kind": "top_k", "k": k},
        "weigh": {"kind": "raw"},
        "combine": {"kind": "output_mix"},
        **more,
    }


def layer(*bodies: dict[str, Any]) -> dict[str, Any]:
    return {"pattern": [{"parts": [{"body": body} for body in bodies]}]}


#: Unequal kinds of experts, shared ones behind a gate, a bias that steers selection, grouped heads, windows.
TEXT = {
    "name": "tiny text",
    "width": 16,
    "task": {"kind": "language_model", "vocabulary": 256, "context": 32, "tokenizer": "bytes"},
    "embedding": {"tied": True},
    "stacks": [
        {
            "layers": [
                {
                    "times": 2,
                    **layer(
                        {"kind": "attention", "heads": 4, "kv_heads": 2, "window": 12},
                        {
                            "kind": "moe",
                            "experts": [
                                {"count": 3, "kind": "glu", "hidden": 8},
                                {"count": 1, "kind": "mlp", "hidden": 4, "bias": True},
                                {"count": 1, "kind": "identity"},
                                {"count": 1, "kind": "zero"},
                            ],
                            "shared": [{"count": 1, "kind": "glu", "hidden": 8}],
                            "shared_gate": True,
                            "router": router(
                                score_function="sigmoid", weigh={"kind": "renormalised", "scale": 1.5}
                            ),
                            "balance": [{"kind": "bias_update", "step": 0.01}],
                        },
                    ),
                }
            ]
        }
    ],
}
#: Several answers, tokens that see each other, capacity in order, a temperature and a k that change.
IMAGE = {
    "name": "tiny image",
    "width": 16,
    "task": {
        "kind": "image_classifier",
        "height": 4,
        "width": 4,
        "channels": 1,
        "patch": 2,
        "heads": [{"name": "digit", "size": 5}, {"name": "a/b c", "kind": "binary", "size": 1}],
    },
    "norm": {"kind": "layer", "epsilon": 1e-5, "bias": True},
    "stacks": [
        {
            "name": "encoder",
            "causal": False,
            "layers": [
                layer(
                    {"kind": "attention", "heads": 2, "kv_heads": 2, "rope": None},
                    {
                        "kind": "moe",
                        "experts": [{"count": 4, "kind": "mlp", "hidden": 8}],
                        "router": router(
                            {"kind": "linear", "start": 3, "end": 1},
                            capacity={"train": 1.0, "eval": 0.8, "priority": "order"},
                            modifiers=[
                                {"kind": "temperature", "value": {"kind": "linear", "start": 3.0, "end": 1.0}}
                            ],
                        ),
                    },
                )
            ],
        }
    ],
}
#: One token a row, capacity by score.
TABLE = {
    "name": "tiny table",
    "width": 8,
    "task": {"kind": "table", "features": 3, "heads": [{"name": "target", "size": 3}]},
    "stacks": [
        {
            "name": "encoder",
            "causal": False,
            "layers": [
                layer(
                    {
                        "kind": "moe",
                        "experts": [{"count": 3, "kind": "glu", "hidden": 4}],
                        "router": router(1, capacity={"train": 1.0, "eval": 0.9, "priority": "score"}),
                    }
                )
            ],
        }
    ],
}


@dataclass
class Held:
    """Held-out examples."""

    inputs: Array
    task_id: Array | None = None


@dataclass
class Case:
    """A model, its file, and what the export said."""

    model: Model
    path: Path
    report: ExportReport

    @property
    def design(self) -> Design:
        return self.model.design

    def answers(self, inputs: Array, routing: bool = True, task_id: Array | None = None) -> Any:
        fed = feeds(self.design, inputs, task_id)
        return run.theirs(run.session(self.path), self.design, fed, routing)

    def ours(self, inputs: Array) -> Any:
        return run.ours(self.model, feeds(self.design, inputs), TRAINED)

    def parity(self, *batches: Array) -> Parity:
        """The numbers alone, without a look at the weights."""
        pairs = [(self.ours(inputs), self.answers(inputs)) for inputs in batches]
        return compare(pairs, causal=self.design.stacks[0].causal, unequal_weights={})


def trained(document: dict[str, Any]) -> Model:
    """A model as training leaves it: no parameter at its start, biases too."""
    model = build(Design.model_validate(document), seed=1)
    numbers = torch.Generator().manual_seed(0)
    with torch.no_grad():
        learned = (tensor for tensor in (*model.parameters(), *model.buffers()) if tensor.is_floating_point())
        for tensor in learned:
            tensor += 0.05 * torch.randn(tensor.shape, generator=numbers)
    return model


def exported(document: dict[str, Any], folder: Path, **options: Any) -> Case:
    model, path = trained(document), folder / "model.onnx"
    return Case(model, path, export_onnx(model, model.design, path, trained=TRAINED, **options))


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> Case:
    held_out = np.random.default_rng(1).integers(0, 256, (6, 32), dtype=np.uint8)
    return exported(TEXT, tmp_path_factory.mktemp("text"), examples=[Held(held_out)], about={"run": "tiny-1"})


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return exported(IMAGE, tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return exported(TABLE, tmp_path_factory.mktemp("table"))


@pytest.fixture
def traced(table: Case, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let exports of the table's design take its traced graph from the file, changed as a test likes."""

    def take(change: Callable[[ir.Model], None] = lambda model: None) -> None:
        def to_graph(exported: Exported, opset: int) -> ir.Model:
            model = ir.load(table.path)
            change(model)
            return model

        monkeypatch.setattr(graph, "to_graph", to_graph)

    return take
