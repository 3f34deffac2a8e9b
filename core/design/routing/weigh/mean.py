"""One over the number of selected experts (SkillNet, arXiv 2203.03312)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.problems import Problem, Site
from core.design.routing.weigh.base import WEIGH, Weigh


@WEIGH.register
class Mean(Weigh):
    """Every selected expert counts equally, the sum is one."""

    reaches = False
    kind: Literal["mean"]

    def rules(self, site: Site) -> Iterator[Problem]:
        yield from self.unreached(site, "equal weights")
