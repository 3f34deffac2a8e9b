"""Balanced assignment: BASE layers (arXiv 2103.16716) and Sinkhorn (arXiv 2202.01169)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import field
from core.design.problems import Problem, Site
from core.design.routing.select.base import SELECT, Select
from core.design.routing.select.exact import exact_balance_rules


@SELECT.register
class Assign(Select):
    """Every expert gets the same number of tokens in training; arg max afterwards."""

    token_choice = False
    looks_ahead = True
    kind: Literal["assign"]
    method: Literal["base", "sinkhorn"] = field("sinkhorn")
    iterations: int = field(8, ge=1, le=1000, advanced=True)

    def fewest(self, experts: int) -> int:
        return 1

    def most(self, experts: int) -> int:
        return 1

    def exact(self, training: bool) -> bool:
        return training

    def rules(self, site: Site) -> Iterator[Problem]:
        yield from exact_balance_rules(site, "Balanced assignment")
