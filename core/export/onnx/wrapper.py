"""The model as a function of its inputs, with every output under a name: what torch.onnx exports."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.export import Dim

from core.design.bodies.moe import Moe
from core.design.bodies.routed_block import RoutedBlock
from core.design.spec import Design
from core.design.suited import routes_by_task
from core.design.tasks.image_classifier import ImageClassifier
from core.design.tasks.table import Table
from core.model.execute.export import unbind
from core.model.model import Model
from core.model.passing import Pass

INPUTS = {"language_model": "input_ids", "image_classifier": "pixels", "table": "features"}
#: The second input of a model that routes by task: the task of each example [B], counted from 0.
TASK_IDS = "task_ids"

#: Arrays by the name of an input.
Feeds = Mapping[str, npt.NDArray[Any]]


class Exported(nn.Module):
    """`model` in its `export` execution, sharing its parameters; schedules stand at `trained`.

    forward: inputs as the model reads them, and the task of each example where the design routes by task;
    gives the tensors of `head_outputs` and `routing_outputs`, in order.
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

    def forward(self, inputs: Tensor, task_ids: Tensor | None = None) -> Sequence[Tensor]:
        output = self.model(inputs, replace(self.passing, task_id=task_ids))
        design = self.model.design
        tokens = inputs.shape[1] if design.task.kind == "language_model" else design.task.tokens
        told = [output.logits[head.name] for head in design.task.heads_out]
        for path in routed_bodies(design):
            record = output.records[path]
            found = (each for each in (record.probability_TE, record.expert_TK) if each is not None)
            told += [each.unflatten(0, (inputs.shape[0], tokens)) for each in found]
        return tuple(told)


def input_names(design: Design) -> list[str]:
    """What the file asks for, in order."""
    return [INPUTS[design.task.kind], *([TASK_IDS] if routes_by_task(design) else [])]


def tasks_told(design: Design) -> tuple[str, ...]:
    """What each number of `task_ids` stands for; empty where the file has no such input."""
    return design.task.task_names if routes_by_task(design) else ()


def feeds(
    design: Design, inputs: npt.NDArray[Any], task_id: npt.NDArray[Any] | None = None, turn: int = 0
) -> Feeds:
    """The inputs of a batch by name. Where no task is told, tasks take turns, from `turn` on."""
    if not routes_by_task(design):
        return {INPUTS[design.task.kind]: inputs}
    if task_id is None:
        task_id = (np.arange(len(inputs)) + turn) % len(design.task.task_names)
    return {INPUTS[design.task.kind]: inputs, TASK_IDS: task_id.astype(np.int64)}


def routed_bodies(design: Design) -> dict[str, Moe | RoutedBlock]:
    """The routed parts by their paths, in order."""
    bodies = ((place.path, place.body) for place in design.occurrences())
    return {path: body for path, body in bodies if isinstance(body, Moe | RoutedBlock)}


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
    return [
        f"routing/{path}/{what}"
        for path, body in routed_bodies(design).items()
        for what in ("probability", "expert")
        if what == "probability" or body.router.combine.selects
    ]


def sample(design: Design) -> tuple[Tensor, ...]:
    """Inputs to trace with. Sizes that may vary are above 1: torch takes 1 for a constant."""
    task = design.task
    if task.kind == "language_model":
        inputs = torch.zeros(2, min(5, task.tokens), dtype=torch.int64)
    else:
        inputs = torch.zeros(2, *example_shape(design))
    return (inputs, torch.zeros(2, dtype=torch.int64)) if routes_by_task(design) else (inputs,)


def example_shape(design: Design) -> tuple[int, ...]:
    """Shape of one image or one row of a table."""
    task = design.task
    if isinstance(task, ImageClassifier):
        return (task.height, task.width, task.channels)
    assert isinstance(task, Table)
    return (task.features,)


def dynamic_shapes(design: Design) -> tuple[dict[int, Dim], ...]:
    """The axes of each input that may have any size: examples, and tokens of text up to the context."""
    task, batch = design.task, Dim("batch")
    free = {0: batch}
    if task.kind == "language_model" and task.tokens > 1:
        free[1] = Dim("sequence", max=task.tokens)
    return (free, {0: batch}) if routes_by_task(design) else (free,)
