"""A random linear score that is never trained (SMoE-Dropout, arXiv 2303.01610)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight
from core.design.routing.score.base import SCORE, Score


@SCORE.register
class FrozenLinearScore(Score):
    """A linear score as it was drawn: no gradient, no optimizer, no weight decay."""

    learns = False
    kind: Literal["frozen_linear"]

    def weights(self, width: int, experts: int, islands: int) -> Iterator[Weight]:
        yield Weight(name="router.weight", shape=(experts, width), role="router", learns=False)
