"""One router a task (M3ViT, arXiv 2210.14793)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.design.routing.condition.task_gate import TaskGate as TaskGateSpec
from core.model.routing.condition.base import CONDITIONS, Condition
from core.model.routing.context import RouteContext
from core.model.routing.shape import RoutedShape


@CONDITIONS.register(TaskGateSpec)
class TaskGate(Condition):
    """logits = x W_t^T. W of task 0 is the score's own, so are its bias and its learned noise.

    The noise of a noisy score says how sure a token is, and is shared by all tasks. `gates_NED` holds the
    weights of tasks 1, 2, ...; a task's loss reaches the weights of that task only.
    """

    def __init__(self, spec: TaskGateSpec, shape: RoutedShape) -> None:
        super().__init__()
        others = len(shape.tasks) - 1
        gates = nn.Parameter(torch.zeros(others, shape.experts, shape.width)) if others > 0 else None
        self.gates_NED = gates

    def forward(self, logits_GE: Tensor, x_GD: Tensor, task_G: Tensor, context: RouteContext) -> Tensor:
        if self.gates_NED is None:
            return logits_GE
        others, experts, _ = self.gates_NED.shape
        logits_GNE = F.linear(x_GD, self.gates_NED.flatten(0, 1).float()).unflatten(1, (others, experts))
        logits_GNE = torch.cat((logits_GE[:, None], logits_GNE), 1)
        return logits_GNE.gather(1, task_G[:, None, None].expand(-1, 1, experts)).squeeze(1)
