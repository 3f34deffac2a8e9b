"""Two matrices and an activation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Role, Weight, field
from core.design.experts.base import EXPERT, Activation, Expert


@EXPERT.register
class Mlp(Expert):
    """`down(act(up x))`."""

    kind: Literal["mlp"]
    hidden: int = field(ge=1, le=1_000_000, unit="hidden width", symbol="H")
    activation: Activation = field("gelu")
    bias: bool = field(False, advanced=True)

    def weights(self, width: int, role: Role) -> Iterator[Weight]:
        yield Weight(name="up", shape=(self.hidden, width), role=role, copies=self.count)
        yield Weight(name="down", shape=(width, self.hidden), role=role, copies=self.count)
        if self.bias:
            yield Weight(name="up_bias", shape=(self.hidden,), role=role, copies=self.count, gemm=False)
            yield Weight(name="down_bias", shape=(width,), role=role, copies=self.count, gemm=False)
