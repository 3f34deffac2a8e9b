"""Gated short convolution (LFM2, arXiv 2511.23404)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight, field
from core.design.bodies.base import BODY, Mixer


@BODY.register
class ShortConv(Mixer):
    """Two gates around a depthwise convolution of `conv` tokens."""

    trainable = False
    kind: Literal["short_conv"]
    conv: int = field(3, ge=1, le=64, unit="tokens")
    bias: bool = field(False, advanced=True)

    def weights(self, width: int, tasks: int) -> Iterator[Weight]:
        for name, shape in (
            ("in", (3 * width, width)),
            ("conv", (width, self.conv)),
            ("output", (width, width)),
        ):
            yield Weight(name=f"{name}.weight", shape=shape, role="mixer")
            if self.bias:
                yield Weight(name=f"{name}.bias", shape=shape[:1], role="mixer", gemm=False)
