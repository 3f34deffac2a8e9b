"""The model as a function of one input, with every output under a name: what torch.onnx exports."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.export import Dim

from core.design.bodies.moe import Moe
from core.design.spec import Design
from core.design.tasks.image_classifier import ImageClassifier
from core.design.tasks.table import Table
from core.model.execute.export import unbind
from core.model.model import Model
from core.model.passing import Pass

INPUTS = {"language_model": "input_ids", "image_classifier": "pixels", "table": "features"}


class Exported(nn.Module):
    """`model` in its `export` execution, sharing its parameters; schedules stand at `trained`.

    forward: inputs as the model reads them; gives the tensors named by `output_names`, in order.
    """

    def __init__(self, model: Model, trained: float) -> None:
        super().__init__()
        with torch.device("meta"):
            twin = Model(model.design, "export")
        twin.load_state_dict(model.state_dict(), assign=True)
        for name, buffer in model.named_buffers():  # checkpoints, and so the line above, leave some out
            owner, _, own = name.rpartition(".")
            setattr(twin.get_submodule(owner), own, buffer)
        unbind(twin)
        self.model = twin.requires_grad_(False)
        self.passing = Pass(progress=trained, record="full")
        self.eval()

    def forward(self, inputs: Tensor) -> Sequence[Tensor]:
        output = self.model(inputs, self.passing)
        design = self.model.design
        tokens = inputs.shape[1] if design.task.kind == "language_model" else design.task.tokens
        told = [output.logits[head.name] for head in design.task.heads_out]
        for path in routed_paths(design):
            record = output.records[path]
            found = (each for each in (record.probability_TE, record.expert_TK) if each is not None)
            told += [each.unflatten(0, (inputs.shape[0], tokens)) for each in found]
        return tuple(told)


def routed_paths(design: Design) -> list[str]:
    """Paths of the routed parts, in order."""
    return [place.path for place in design.occurrences() if isinstance(place.body, Moe)]


def selecting_paths(design: Design) -> set[str]:
    """Those of them whose tokens have experts of their own."""
    bodies = ((place.path, place.body) for place in design.occurrences())
    return {path for path, body in bodies if isinstance(body, Moe) and body.router.combine.selects}


def head_outputs(design: Design) -> dict[str, str]:
    """Head by the name of its output: `logits` of a language model, else `logits/<head>`."""
    if design.task.kind == "language_model":
        return {"logits": design.task.heads_out[0].name}
    names: dict[str, str] = {}
    for head in design.task.heads_out:
        plain = "logits/" + re.sub(r"[^A-Za-z0-9_.-]+", "_", head.name)
        name, n = plain, 2
        while name in names:
            name, n = f"{plain}_{n}", n + 1
        names[name] = head.name
    return names


def routing_outputs(design: Design) -> list[str]:
    """`routing/<path>/probability` [B, S, E] and `routing/<path>/expert` [B, S, K] of every routed part.

    A part that selects nothing has the first alone: each expert's share.
    """
    selecting = selecting_paths(design)
    return [
        f"routing/{path}/{what}"
        for path in routed_paths(design)
        for what in ("probability", "expert")
        if what == "probability" or path in selecting
    ]


def sample(design: Design) -> Tensor:
    """Inputs to trace with. Sizes that may vary are above 1: torch takes 1 for a constant."""
    task = design.task
    if task.kind == "language_model":
        return torch.zeros(2, min(5, task.tokens), dtype=torch.int64)
    return torch.zeros(2, *example_shape(design))


def example_shape(design: Design) -> tuple[int, ...]:
    """Shape of one image or one row of a table."""
    task = design.task
    if isinstance(task, ImageClassifier):
        return (task.height, task.width, task.channels)
    assert isinstance(task, Table)
    return (task.features,)


def dynamic_shapes(design: Design) -> dict[int, Dim]:
    """The axes of the input that may have any size: examples, and tokens of text up to the context."""
    task = design.task
    free = {0: Dim("batch")}
    if task.kind == "language_model" and task.tokens > 1:
        free[1] = Dim("sequence", max=task.tokens)
    return free
