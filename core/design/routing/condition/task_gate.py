"""One router a task (M3ViT, arXiv 2210.14793)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight
from core.design.problems import Problem, Site
from core.design.routing.condition.base import CONDITION, Condition
from core.design.routing.score.linear import LinearScore
from core.design.routing.score.noisy_linear import NoisyLinearScore


@CONDITION.register
class TaskGate(Condition):
    """Separate router weights for each task; the first task's are those of the score."""

    kind: Literal["task_gate"]

    @property
    def trained_by(self) -> str | None:
        return "per_task_accumulate"

    def weights(self, width: int, experts: int, tasks: int) -> Iterator[Weight]:
        if tasks > 1:
            # A token meets the gates of all tasks and keeps its own.
            yield Weight(name="router.tasks", shape=(experts, width), role="router", copies=tasks - 1)

    def rules(self, site: Site) -> Iterator[Problem]:
        yield from super().rules(site)
        if site.moe is not None and not isinstance(site.moe.router.score, LinearScore | NoisyLinearScore):
            router = site.up()
            yield router.error(
                "gate-linear",
                "Routers for each task are linear, so with another score tasks would be routed by different"
                " rules.",
                "To fix this, use a linear score.",
                edits=(router.set("score", {"kind": "linear"}, label="Use a linear score"),),
                at="score",
            )
