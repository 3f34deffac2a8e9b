"""Base of the combiners."""

from __future__ import annotations

from core.design.base import Choice, Spec
from core.design.edit import Edit
from core.design.problems import Site


class Combine(Spec):
    """Makes `[T, D]` out of experts and weights."""

    kind: str

    def instead(self, site: Site) -> Edit:
        return site.set("", {"kind": "output_mix"}, label="Mix outputs")


COMBINE = Choice("combine")
