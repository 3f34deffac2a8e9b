"""Pulls the best experts into one island (SAM, arXiv 2110.07431)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import field
from core.design.problems import Problem, Site
from core.design.routing.balance.base import BALANCE, Balancer


@BALANCE.register
class Alignment(Balancer):
    """Penalty where an expert outside the chosen island scores above the weakest chosen one."""

    kind: Literal["alignment"]
    coefficient: float = field(0.1, ge=0, le=100)

    def rules(self, site: Site) -> Iterator[Problem]:
        yield from super().rules(site)
        if site.moe is not None and site.moe.islands == 1:
            yield site.warning(
                "alignment-one-island",
                "All experts are one island, so none is outside the chosen one and this loss is always 0.",
                edits=(site.remove(label="Remove the alignment"),),
            )
