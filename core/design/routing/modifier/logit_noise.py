"""Gaussian noise on the logits (V-MoE, arXiv 2106.05974)."""

from __future__ import annotations

from typing import Literal

from core.design.base import field
from core.design.routing.modifier.base import MODIFIER, Modifier


@MODIFIER.register
class LogitNoise(Modifier):
    """Adds N(0, (sigma / E)^2); training only."""

    noisy = True
    kind: Literal["logit_noise"]
    sigma: float = field(1.0, gt=0, le=1000, symbol=r"\sigma", description="divided by the number of experts")

    @property
    def drawn(self) -> bool:
        return True
