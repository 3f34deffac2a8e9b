"""One-hot forward, soft backward (task-level MoE, arXiv 2205.12701)."""

from __future__ import annotations

from typing import Literal

from core.design.routing.weigh.base import WEIGH, Weigh


@WEIGH.register
class StraightThrough(Weigh):
    """The chosen expert counts 1; its gradient is that of the probabilities."""

    trainable = False
    kind: Literal["straight_through"]
