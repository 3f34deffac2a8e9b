"""Gated unit with a factored gate: its first factor can score the expert (AoE, arXiv 2501.13074)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Role, Weight, field
from core.design.experts.base import EXPERT, Activation, Expert


@EXPERT.register
class GluLowRank(Expert):
    """`down(act(B A x) * up x)` with `A` of `rank` rows."""

    kind: Literal["glu_lowrank"]
    hidden: int = field(ge=1, le=1_000_000, unit="hidden width", symbol="H")
    rank: int = field(8, ge=1, le=65_536, symbol="r")
    activation: Activation = field("silu")

    def weights(self, width: int, role: Role) -> Iterator[Weight]:
        yield Weight(name="gate_a", shape=(self.rank, width), role=role, copies=self.count)
        yield Weight(name="gate_b", shape=(self.hidden, self.rank), role=role, copies=self.count)
        yield Weight(name="up", shape=(self.hidden, width), role=role, copies=self.count)
        yield Weight(name="down", shape=(width, self.hidden), role=role, copies=self.count)


def matching_hidden(parameters: int, width: int, rank: int) -> int:
    """H that gives a low-rank expert as many `parameters` as another expert of model width D has.

    Of a plain gated expert's 3 D H this is (3 D H - D r) / (r + 2 D), rounded; 1 at least.
    """
    return max(1, round((parameters - width * rank) / (rank + 2 * width)))
