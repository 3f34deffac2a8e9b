"""Which skills each task uses, as a 0/1 table (SkillNet, arXiv 2203.03312)."""

from __future__ import annotations

import torch
from torch import Tensor

from core.design.routing.condition.skill_table import SkillTable as SkillTableSpec
from core.model.routing.condition.base import CONDITIONS, Condition
from core.model.routing.context import RouteContext
from core.model.routing.shape import RoutedShape


@CONDITIONS.register(SkillTableSpec)
class SkillTable(Condition):
    """The logits of experts that are no skill of the task become -inf; with a given score others have 0."""

    def __init__(self, spec: SkillTableSpec, shape: RoutedShape) -> None:
        super().__init__()
        table_NE = torch.full((max(1, len(shape.tasks)), shape.experts), -torch.inf)
        for row_E, name in zip(table_NE, shape.tasks, strict=False):
            row_E[list(spec.rows[name])] = 0.0
        # The design says it all, so no checkpoint repeats it, and a run may begin from one of another table.
        self.register_buffer("table_NE", table_NE, persistent=False)

    def forward(self, logits_GE: Tensor, x_GD: Tensor, task_G: Tensor, context: RouteContext) -> Tensor:
        return logits_GE + self.get_buffer("table_NE").index_select(0, task_G)
