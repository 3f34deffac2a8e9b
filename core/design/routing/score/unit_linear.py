"""Cosine between a token and a row of weights, times a learned scale (Soft MoE, arXiv 2308.00951)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight
from core.design.routing.score.base import SCORE, Score


@SCORE.register
class UnitLinearScore(Score):
    """`s x W^T` with x and the rows of W at length one; s starts at 1. Scores do not grow with the width."""

    kind: Literal["unit_linear"]

    def weights(self, width: int, experts: int, islands: int) -> Iterator[Weight]:
        yield from super().weights(width, experts, islands)
        yield Weight(name="router.scale", shape=(1,), role="router", gemm=False)
