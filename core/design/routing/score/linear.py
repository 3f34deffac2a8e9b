"""Linear score: one row of weights an expert."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight, field
from core.design.routing.score.base import SCORE, Score


@SCORE.register
class LinearScore(Score):
    """`logits = x W^T (+ b)`; no temperature divides b. Cost: 2 D E FLOPs a token."""

    scales = True
    kind: Literal["linear"]
    bias: bool = field(False, advanced=True)

    def weights(self, width: int, experts: int, islands: int) -> Iterator[Weight]:
        yield from super().weights(width, experts, islands)
        if self.bias:
            yield Weight(name="router.bias", shape=(experts,), role="router", gemm=False)
