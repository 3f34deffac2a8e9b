"""Every accepted expert counts once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.problems import Problem, Site
from core.design.routing.weigh.base import WEIGH, Weigh


@WEIGH.register
class Ones(Weigh):
    """Weight 1. The task's loss never reaches a learned score."""

    constant_alone = True
    kind: Literal["ones"]

    def rules(self, site: Site) -> Iterator[Problem]:
        if site.moe is not None and site.moe.router.learns:
            yield site.warning(
                "router-no-gradient",
                "With weights of one the task's loss never reaches the router; only balancers train it.",
                edits=(site.set("kind", "raw", label="Use raw weights"),),
            )
