"""Base of the combiners."""

from __future__ import annotations

from typing import ClassVar

from core.design.base import Choice, Spec
from core.design.edit import Edit
from core.design.problems import Site


class Combine(Spec):
    """Makes `[T, D]` out of experts and weights."""

    kind: str

    #: Whether tokens have experts of their own; else every expert has a share in every token.
    selects: ClassVar[bool] = True
    #: Every expert works on its exact share of whatever comes.
    exact: ClassVar[bool] = False

    def outputs(self, experts: int) -> int:
        """How many logits a router of `experts` writes for each token."""
        return experts

    def rows(self, experts: int, chosen: float, tokens: int) -> float:
        """Rows that all experts together compute for each token; `tokens` in an example."""
        return chosen

    def token_macs(self, width: int, experts: int) -> float:
        """Multiply-adds of mixing tokens, for each token."""
        return 0.0

    def sent(self, experts: int, tokens: int) -> float | None:
        """Copies of itself that a token sends to other devices; None: one to each that has experts of it."""
        return None

    def merged_macs(self, parameters: int) -> int:
        """Multiply-adds of merging experts, for each merged one; `parameters` are those of the bank."""
        return 0

    def instead(self, site: Site) -> Edit:
        return site.set("", {"kind": "output_mix"}, label="Mix outputs")


COMBINE = Choice("combine", "combination")
