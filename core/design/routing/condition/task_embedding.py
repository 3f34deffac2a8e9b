"""A small network from task embedding to logits (task-level MoE, arXiv 2205.12701)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight, field
from core.design.routing.condition.base import CONDITION, Condition


@CONDITION.register
class TaskEmbedding(Condition):
    """An MLP of `hidden` units on the task's embedding of `dim` numbers, added to the score; with a given
    score it decides alone."""

    kind: Literal["task_embedding"]
    dim: int = field(64, ge=1, le=4096, description="numbers that stand for a task")
    hidden: int = field(64, ge=1, le=4096)

    def weights(self, width: int, experts: int, tasks: int) -> Iterator[Weight]:
        yield Weight(name="router.task_embedding", shape=(tasks, self.dim), role="router", gemm=False)
        yield Weight(name="router.task_up", shape=(self.hidden, self.dim), role="router", by="task")
        yield Weight(name="router.task_down", shape=(experts, self.hidden), role="router", by="task")
