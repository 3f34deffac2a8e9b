"""Selective state spaces: Mamba (arXiv 2312.00752; Jamba, arXiv 2403.19887)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight, field
from core.design.bodies.base import BODY, Mixer


@BODY.register
class Mamba(Mixer):
    """`expand * D` channels with a state of `state` numbers each; `inner_norms` as in Jamba."""

    trainable = False
    kind: Literal["mamba"]
    state: int = field(16, ge=1, le=4096)
    conv: int = field(4, ge=1, le=64, unit="tokens")
    expand: int = field(2, ge=1, le=16)
    dt_rank: int = field(ge=1, le=65_536)
    conv_bias: bool = field(True, advanced=True)
    bias: bool = field(False, advanced=True)
    inner_norms: bool = field(False, advanced=True)

    def weights(self, width: int, tasks: int) -> Iterator[Weight]:
        inner = self.expand * width
        projections = (
            ("in", (2 * inner, width), self.bias),
            ("conv", (inner, self.conv), self.conv_bias),
            ("x", (self.dt_rank + 2 * self.state, inner), False),
            ("dt", (inner, self.dt_rank), True),
            ("output", (width, inner), self.bias),
        )
        for name, shape, bias in projections:
            yield Weight(name=f"{name}.weight", shape=shape, role="mixer")
            if bias:
                yield Weight(name=f"{name}.bias", shape=shape[:1], role="mixer", gemm=False)
        yield Weight(name="decay_log", shape=(inner, self.state), role="mixer", gemm=False)
        yield Weight(name="skip", shape=(inner,), role="mixer", gemm=False)
        if self.inner_norms:
            yield Weight(name="norms", shape=(self.dt_rank + 2 * self.state,), role="norm", gemm=False)

    def state_elements(self, width: int) -> int:
        return self.expand * width * self.state

    def token_macs(self, width: int) -> int:
        return 3 * self.state_elements(width)
