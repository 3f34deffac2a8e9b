"""Lightning attention: linear attention with a fixed decay (MiniMax-01, arXiv 2501.08313)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight, field
from core.design.bodies.base import BODY, Mixer


@BODY.register
class Lightning(Mixer):
    """`heads` of `head_width`, normed output under a sigmoid gate."""

    trainable = False
    kind: Literal["lightning"]
    heads: int = field(64, ge=1, le=1024)
    head_width: int = field(96, ge=1, le=8192)

    def weights(self, width: int, tasks: int) -> Iterator[Weight]:
        inner = self.heads * self.head_width
        yield Weight(name="qkv.weight", shape=(3 * inner, width), role="mixer")
        yield Weight(name="gate.weight", shape=(inner, width), role="mixer")
        yield Weight(name="norm.weight", shape=(inner,), role="norm", gemm=False)
        yield Weight(name="output.weight", shape=(width, inner), role="mixer")

    def state_elements(self, width: int) -> int:
        return self.heads * self.head_width * self.head_width

    def token_macs(self, width: int) -> int:
        return 2 * self.state_elements(width)
