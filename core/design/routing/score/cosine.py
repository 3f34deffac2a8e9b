"""Cosine score in a low dimension (X-MoE, arXiv 2204.09179; used by MoEC, arXiv 2207.09094)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight, field
from core.design.routing.score.base import SCORE, Score


@SCORE.register
class CosineScore(Score):
    """Cosine between the projected token and an expert embedding, over a temperature."""

    kind: Literal["cosine"]
    dim: int = field(32, ge=1, le=4096, description="width in which tokens and experts are compared")
    temperature: float = field(
        0.07, gt=0, le=100, symbol=r"\tau", description="smaller makes the choice sharper"
    )

    def weights(self, width: int, experts: int, islands: int) -> Iterator[Weight]:
        yield Weight(name="router.project", shape=(self.dim, width), role="router")
        yield Weight(name="router.weight", shape=(experts, self.dim), role="router")
