"""Base of the weighers."""

from __future__ import annotations

from typing import ClassVar

from core.design.base import Choice, Spec, field
from core.design.edit import Edit
from core.design.problems import Site


class Weigh(Spec):
    """Turns clean scores of accepted experts into combine weights, times a route scale."""

    kind: str

    #: With one expert the weight is the constant 1, so no gradient reaches the score.
    constant_alone: ClassVar[bool] = False

    scale: float = field(1.0, gt=0, le=1e4, advanced=True, unit="route scale")

    def instead(self, site: Site) -> Edit:
        return site.set("", {"kind": "raw", "scale": self.scale}, label="Use raw weights")


WEIGH = Choice("weigh", "weighing")
