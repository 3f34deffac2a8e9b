"""A task embedding beside the token (M3ViT, arXiv 2210.14793)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.design.routing.condition.task_concat import TaskConcat as TaskConcatSpec
from core.model.routing.condition.base import CONDITIONS, Condition
from core.model.routing.context import RouteContext
from core.model.routing.shape import RoutedShape


@CONDITIONS.register(TaskConcatSpec)
class TaskConcat(Condition):
    """logits = [x ; e_t] W^T, written as the score's x W_x^T plus e_t W_e^T.

    A network on the task's one-hot vector has one output for each task: the rows of `task_embedding`.
    """

    def __init__(self, spec: TaskConcatSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.task_embedding = nn.Parameter(torch.zeros(max(1, len(shape.tasks)), spec.dim))
        self.task_weight = nn.Parameter(torch.zeros(shape.experts, spec.dim))

    def forward(self, logits_GE: Tensor, x_GD: Tensor, task_G: Tensor, context: RouteContext) -> Tensor:
        logits_NE = F.linear(self.task_embedding.float(), self.task_weight.float())
        return logits_GE + logits_NE.index_select(0, task_G)
