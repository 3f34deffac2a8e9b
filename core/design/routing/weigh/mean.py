"""One over the number of selected experts (SkillNet, arXiv 2203.03312)."""

from __future__ import annotations

from typing import Literal

from core.design.routing.weigh.base import WEIGH, Weigh


@WEIGH.register
class Mean(Weigh):
    """Every selected expert counts equally, the sum is one."""

    trainable = False
    constant_alone = True
    kind: Literal["mean"]
