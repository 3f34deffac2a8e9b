"""The expert's output mixed with the token itself (MoEC, arXiv 2207.09094)."""

from __future__ import annotations

from typing import Literal

from core.design.base import field
from core.design.routing.weigh.base import WEIGH, Weigh


@WEIGH.register
class IdentityMix(Weigh):
    """`alpha * f(x) + (1 - alpha) * x` with alpha from the score, or fixed."""

    trainable = False
    kind: Literal["identity_mix"]
    alpha: float | None = field(None, ge=0, le=1, symbol=r"\alpha", unit="empty: from the score")
