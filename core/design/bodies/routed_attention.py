"""Mixture of attention heads: queries and outputs are experts (JetMoE, arXiv 2404.07413)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight, field
from core.design.bodies.base import BODY, Mixer
from core.design.routing.router import Router


@BODY.register
class RoutedAttention(Mixer):
    """`experts` pairs of query and output projections; keys and values are shared."""

    trainable = False
    bank = "experts"
    kind: Literal["routed_attention"]
    experts: int = field(8, ge=1, le=4096)
    kv_heads: int = field(4, ge=1, le=1024)
    head_width: int = field(64, ge=1, le=8192)
    bias: bool = field(False, advanced=True)
    router: Router

    def weights(self, width: int, tasks: int) -> Iterator[Weight]:
        inner = self.kv_heads * self.head_width
        yield from self.router.weights(width, self.experts, tasks)
        yield Weight(name="query.weight", shape=(inner, width), role="expert", copies=self.experts)
        yield Weight(name="output.weight", shape=(width, inner), role="expert", copies=self.experts)
        yield Weight(name="key_value.weight", shape=(2 * inner, width), role="mixer")
        if self.bias:
            yield Weight(name="bias", shape=(width,), role="mixer", gemm=False)

    @property
    def cache_cuts(self) -> int:
        return self.kv_heads

    def kv_elements(self, width: int) -> int:
        return 2 * self.kv_heads * self.head_width

    def pair_macs(self, width: int) -> int:
        return int(2 * self.kv_heads * self.head_width * self.router.select.expected(self.experts))
