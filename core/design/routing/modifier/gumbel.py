"""Gumbel noise on the logits (dense-to-sparse gating, arXiv 2112.14397)."""

from __future__ import annotations

from typing import Literal

from core.design.routing.modifier.base import MODIFIER, Modifier


@MODIFIER.register
class Gumbel(Modifier):
    """Adds standard Gumbel noise; training only."""

    kind: Literal["gumbel"]

    @property
    def drawn(self) -> bool:
        return True
