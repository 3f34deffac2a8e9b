"""An expert that answers its input (zero-computation experts, arXiv 2410.07348)."""

from __future__ import annotations

from typing import Literal

from core.design.experts.base import EXPERT, Expert


@EXPERT.register
class Identity(Expert):
    """Writes the token back, costs nothing."""

    kind: Literal["identity"]
