"""A small network from task embedding to logits (task-level MoE, arXiv 2205.12701)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.design.routing.condition.task_embedding import TaskEmbedding as TaskEmbeddingSpec
from core.model.routing.condition.base import CONDITIONS, Condition
from core.model.routing.context import RouteContext
from core.model.routing.shape import RoutedShape


@CONDITIONS.register(TaskEmbeddingSpec)
class TaskEmbedding(Condition):
    """logits += W_down gelu(W_up e_t): all there is with a score that is given, the same for a whole task."""

    def __init__(self, spec: TaskEmbeddingSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.task_embedding = nn.Parameter(torch.zeros(max(1, len(shape.tasks)), spec.dim))
        self.task_up = nn.Parameter(torch.zeros(spec.hidden, spec.dim))
        self.task_down = nn.Parameter(torch.zeros(shape.experts, spec.hidden))

    def forward(self, logits_GE: Tensor, x_GD: Tensor, task_G: Tensor, context: RouteContext) -> Tensor:
        hidden_NH = F.gelu(F.linear(self.task_embedding.float(), self.task_up.float()))
        logits_NE = F.linear(hidden_NH, self.task_down.float())
        return logits_GE + logits_NE.index_select(0, task_G)
