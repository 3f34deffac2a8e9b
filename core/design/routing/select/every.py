"""All experts for every token: soft mixtures, merging, slots."""

from __future__ import annotations

from typing import Literal

from core.design.routing.select.base import SELECT, Select


@SELECT.register
class All(Select):
    """No selection."""

    token_choice = False
    picks = False
    ranks = False
    kind: Literal["all"]

    def fewest(self, experts: int) -> int:
        return experts

    def most(self, experts: int) -> int:
        return experts
