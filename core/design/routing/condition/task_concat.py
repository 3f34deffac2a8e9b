"""A task embedding beside the token (M3ViT, arXiv 2210.14793)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight, field
from core.design.routing.condition.base import CONDITION, Condition


@CONDITION.register
class TaskConcat(Condition):
    """The router reads token and task embedding of `dim` numbers."""

    kind: Literal["task_concat"]
    dim: int = field(16, ge=1, le=4096, description="numbers that stand for a task")

    @property
    def trained_by(self) -> str | None:
        return "per_task_accumulate"

    def weights(self, width: int, experts: int, tasks: int) -> Iterator[Weight]:
        yield Weight(name="router.task_embedding", shape=(tasks, self.dim), role="router", gemm=False)
        yield Weight(name="router.task_weight", shape=(experts, self.dim), role="router", by="task")
