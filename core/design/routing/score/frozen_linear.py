"""A random linear score that is never trained (SMoE-Dropout, arXiv 2303.01610)."""

from __future__ import annotations

from typing import Literal

from core.design.routing.score.base import SCORE, Score


@SCORE.register
class FrozenLinearScore(Score):
    """A linear score as it was drawn: no gradient, no optimizer, no weight decay."""

    learns = False
    kind: Literal["frozen_linear"]
