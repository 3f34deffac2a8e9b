"""Linear score between a normalised input and normalised rows (SMEAR, arXiv 2306.03745)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight
from core.design.routing.score.base import SCORE, Score


@SCORE.register
class NormedLinearScore(Score):
    """`norm(x) norm(W)^T + b`, both layer norms with a gain; that of W starts at 0.01, so training starts
    from nearly even scores."""

    kind: Literal["normed_linear"]

    def weights(self, width: int, experts: int, islands: int) -> Iterator[Weight]:
        yield from super().weights(width, experts, islands)
        yield Weight(name="router.input_gain", shape=(width,), role="router", gemm=False)
        yield Weight(name="router.row_gain", shape=(width,), role="router", gemm=False)
        yield Weight(name="router.bias", shape=(experts,), role="router", gemm=False)
