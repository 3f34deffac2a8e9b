"""Pulls the best experts into one island (SAM, arXiv 2110.07431)."""

from __future__ import annotations

from typing import Literal

from core.design.base import field
from core.design.routing.balance.base import BALANCE, Balancer


@BALANCE.register
class Alignment(Balancer):
    """Penalty where an expert outside the chosen island scores above the weakest chosen one."""

    trainable = False
    kind: Literal["alignment"]
    coefficient: float = field(0.1, ge=0, le=100)
