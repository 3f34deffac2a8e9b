"""Noisy top-k's score: the token chooses how much noise each expert's logit gets (arXiv 1701.06538)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight
from core.design.routing.score.base import SCORE, Score


@SCORE.register
class NoisyLinearScore(Score):
    """`x W_g + eps * softplus(x W_n)`; noise in training only."""

    noisy = True
    kind: Literal["noisy_linear"]

    def weights(self, width: int, experts: int, islands: int) -> Iterator[Weight]:
        yield from super().weights(width, experts, islands)
        yield Weight(name="router.noise", shape=(experts, width), role="router", trains_only=True)

    @property
    def drawn(self) -> bool:
        return True
