"""The score itself (Switch, arXiv 2101.03961)."""

from __future__ import annotations

from typing import Literal

from core.design.routing.weigh.base import WEIGH, Weigh


@WEIGH.register
class Raw(Weigh):
    """The score of the expert, not renormalised."""

    kind: Literal["raw"]

    def sum_to_one(self, distribution: bool) -> bool:
        return distribution
