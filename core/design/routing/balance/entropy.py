"""Router entropy as a loss (dynamic routing, arXiv 2403.07652); positive lowers it."""

from __future__ import annotations

from typing import Literal

from core.design.base import field
from core.design.routing.balance.base import BALANCE, Balancer


@BALANCE.register
class Entropy(Balancer):
    """`-sum P log P`, mean over tokens. A positive coefficient makes routers decide."""

    needs_distribution = True
    kind: Literal["entropy"]
    coefficient: float = field(1e-4, ge=-100, le=100)
