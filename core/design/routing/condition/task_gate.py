"""One router a task (M3ViT, arXiv 2210.14793)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight
from core.design.routing.condition.base import CONDITION, Condition


@CONDITION.register
class TaskGate(Condition):
    """Separate router weights for each task."""

    kind: Literal["task_gate"]

    def weights(self, width: int, experts: int, tasks: int) -> Iterator[Weight]:
        if tasks > 1:
            yield Weight(
                name="router.tasks", shape=(experts, width), role="router", copies=tasks - 1, gemm=False
            )
