"""Makes scores agree inside an island and differ between islands (MoEC, arXiv 2207.09094)."""

from __future__ import annotations

from typing import Literal

from core.design.base import field
from core.design.routing.balance.base import BALANCE, Balancer


@BALANCE.register
class ClusterVariance(Balancer):
    """Mean variance inside islands, over `exp(gap * d)`: d from the best island to the next. Gap 0: plain."""

    kind: Literal["cluster_variance"]
    coefficient: float = field(0.01, ge=0, le=100)
    gap: float = field(
        1.0, ge=0, le=100, description="how much a clear lead of one island lowers the loss; 0: not at all"
    )
