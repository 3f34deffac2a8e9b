"""Gated delta rule: linear attention with a decaying state (arXiv 2412.06464; Qwen3-Next)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight, field
from core.design.bodies.base import BODY, Mixer


@BODY.register
class GatedDelta(Mixer):
    """`key_heads` of `key_width`, `value_heads` of `value_width`, behind a short"
    " convolution of `conv` tokens."""

    trainable = False
    heads_by = ("value_heads", "key_heads")
    kind: Literal["gated_delta"]
    key_heads: int = field(16, ge=1, le=1024)
    value_heads: int = field(32, ge=1, le=1024)
    key_width: int = field(128, ge=1, le=8192)
    value_width: int = field(128, ge=1, le=8192)
    conv: int = field(4, ge=1, le=64, unit="tokens")

    def weights(self, width: int, tasks: int) -> Iterator[Weight]:
        k, v = self.key_heads * self.key_width, self.value_heads * self.value_width
        yield Weight(name="in_qkvz.weight", shape=(2 * k + 2 * v, width), role="mixer")
        yield Weight(name="in_ba.weight", shape=(2 * self.value_heads, width), role="mixer")
        yield Weight(name="conv.weight", shape=(2 * k + v, self.conv), role="mixer")
        yield Weight(name="decay", shape=(2, self.value_heads), role="mixer", gemm=False)
        yield Weight(name="norm.weight", shape=(self.value_width,), role="norm", gemm=False)
        yield Weight(name="output.weight", shape=(width, v), role="mixer")

    def state_elements(self, width: int) -> int:
        return self.value_heads * self.key_width * self.value_width

    def token_macs(self, width: int) -> int:
        return 3 * self.state_elements(width)
