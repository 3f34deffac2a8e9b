"""An expert that answers nothing: a token that picks it is cheaper (LongCat-Flash, arXiv 2509.01322)."""

from __future__ import annotations

from typing import Literal

from core.design.experts.base import EXPERT, Expert


@EXPERT.register
class Zero(Expert):
    """Writes zeros, costs nothing."""

    kind: Literal["zero"]
