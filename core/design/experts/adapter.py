"""Bottleneck adapter: a small MLP with biases added to the stream (SMEAR, arXiv 2306.03745)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Role, Weight, field
from core.design.experts.base import EXPERT, Activation, Expert


@EXPERT.register
class Adapter(Expert):
    """`down(act(up x + b)) + b` through a narrow middle."""

    kind: Literal["adapter"]
    hidden: int = field(ge=1, le=1_000_000, unit="bottleneck", symbol="H")
    activation: Activation = field("relu")

    def weights(self, width: int, role: Role) -> Iterator[Weight]:
        yield Weight(name="up", shape=(self.hidden, width), role=role, copies=self.count)
        yield Weight(name="up_bias", shape=(self.hidden,), role=role, copies=self.count, gemm=False)
        yield Weight(name="down", shape=(width, self.hidden), role=role, copies=self.count)
        yield Weight(name="down_bias", shape=(width,), role=role, copies=self.count, gemm=False)
