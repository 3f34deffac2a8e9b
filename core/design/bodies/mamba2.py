"""State-space duality: Mamba-2 (arXiv 2405.21060; Nemotron-H)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight, field
from core.design.bodies.base import BODY, Mixer


@BODY.register
class Mamba2(Mixer):
    """`heads` of `head_width` with a shared state of `state` numbers in `groups` groups."""

    trainable = False
    heads_by = ("heads", "groups")
    kind: Literal["mamba2"]
    heads: int = field(ge=1, le=4096)
    head_width: int = field(64, ge=1, le=8192)
    state: int = field(128, ge=1, le=4096)
    groups: int = field(8, ge=1, le=1024)
    conv: int = field(4, ge=1, le=64, unit="tokens")
    conv_bias: bool = field(True, advanced=True)
    bias: bool = field(False, advanced=True)

    def weights(self, width: int, tasks: int) -> Iterator[Weight]:
        inner = self.heads * self.head_width
        mixed = inner + 2 * self.groups * self.state
        yield Weight(name="in.weight", shape=(inner + mixed + self.heads, width), role="mixer")
        yield Weight(name="conv.weight", shape=(mixed, self.conv), role="mixer")
        if self.conv_bias:
            yield Weight(name="conv.bias", shape=(mixed,), role="mixer", gemm=False)
        yield Weight(name="heads", shape=(3, self.heads), role="mixer", gemm=False)
        yield Weight(name="norm.weight", shape=(inner,), role="norm", gemm=False)
        yield Weight(name="output.weight", shape=(width, inner), role="mixer")
        if self.bias:
            for name, size in (("in", inner + mixed + self.heads), ("output", width)):
                yield Weight(name=f"{name}.bias", shape=(size,), role="mixer", gemm=False)

    def state_elements(self, width: int) -> int:
        return self.heads * self.head_width * self.state

    def token_macs(self, width: int) -> int:
        return 2 * self.state_elements(width)
