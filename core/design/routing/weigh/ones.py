"""Every accepted expert counts once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.problems import Problem, Site
from core.design.routing.weigh.base import WEIGH, Weigh


@WEIGH.register
class Ones(Weigh):
    """Weight 1. The task's loss never reaches a learned score."""

    reaches = False
    kind: Literal["ones"]

    def sum_to_one(self, distribution: bool) -> bool:
        return False

    def rules(self, site: Site) -> Iterator[Problem]:
        yield from self.unreached(site, "weights of one")
