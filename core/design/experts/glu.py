"""Gated linear unit: three matrices (arXiv 2002.05202)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Role, Weight, field
from core.design.experts.base import EXPERT, Activation, Expert
from core.design.problems import Problem, Site


@EXPERT.register
class Glu(Expert):
    """`down(act(gate x) * up x)`.

    `clamp` c limits both factors as in gpt-oss (arXiv 2508.10925): with g = min(gate x, c), what goes down is
    g sigmoid(1.702 g) times 1 plus up x held between -c and c.
    """

    usual = True
    kind: Literal["glu"]
    hidden: int = field(ge=1, le=1_000_000, unit="hidden width", symbol="H")
    activation: Activation = field("silu")
    bias: bool = field(False, advanced=True)
    clamp: float | None = field(None, gt=0, le=1e6, advanced=True)

    def weights(self, width: int, role: Role) -> Iterator[Weight]:
        yield Weight(name="gate_up", shape=(2 * self.hidden, width), role=role, copies=self.count)
        yield Weight(name="down", shape=(width, self.hidden), role=role, copies=self.count)
        if self.bias:
            yield Weight(
                name="gate_up_bias", shape=(2 * self.hidden,), role=role, copies=self.count, gemm=False
            )
            yield Weight(name="down_bias", shape=(width,), role=role, copies=self.count, gemm=False)

    def rules(self, site: Site) -> Iterator[Problem]:
        if self.clamp is not None and self.activation != "silu":
            yield site.error(
                "clamp-silu",
                f"A clamp is defined for silu, and these experts use {self.activation}.",
                "To fix this, use silu, or remove the clamp.",
                edits=(
                    site.set("activation", "silu", label="Use silu"),
                    site.remove("clamp", label="Remove the clamp"),
                ),
                at="clamp",
            )
