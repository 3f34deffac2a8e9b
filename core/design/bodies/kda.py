"""Kimi delta attention: a gated delta rule with a decay for each channel (arXiv 2510.26692)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight, field
from core.design.bodies.base import BODY, Mixer


@BODY.register
class KimiDelta(Mixer):
    """`heads` of `head_width`; decay and output gate through a bottleneck of one head."""

    trainable = False
    kind: Literal["kda"]
    heads: int = field(32, ge=1, le=1024)
    head_width: int = field(128, ge=1, le=8192)
    conv: int = field(4, ge=1, le=64, unit="tokens")

    def weights(self, width: int, tasks: int) -> Iterator[Weight]:
        inner = self.heads * self.head_width
        for name in ("query", "key", "value"):
            yield Weight(name=f"{name}.weight", shape=(inner, width), role="mixer")
            yield Weight(name=f"{name}_conv.weight", shape=(inner, self.conv), role="mixer")
        for name in ("decay", "gate"):
            yield Weight(name=f"{name}_a.weight", shape=(self.head_width, width), role="mixer")
            yield Weight(name=f"{name}_b.weight", shape=(inner, self.head_width), role="mixer")
        yield Weight(name="beta.weight", shape=(self.heads, width), role="mixer")
        yield Weight(name="decay_log", shape=(self.heads,), role="mixer", gemm=False)
        yield Weight(name="decay_bias", shape=(inner,), role="mixer", gemm=False)
        yield Weight(name="norm.weight", shape=(self.head_width,), role="norm", gemm=False)
        yield Weight(name="output.weight", shape=(width, inner), role="mixer")

    def state_elements(self, width: int) -> int:
        return self.heads * self.head_width * self.head_width

    def token_macs(self, width: int) -> int:
        return 3 * self.state_elements(width)
