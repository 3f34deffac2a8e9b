"""The norms of a design."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.design.spec import Norm as NormSpec


class Norm(nn.Module):
    """Root mean square norm (arXiv 1910.07467) or layer norm over the last axis, with a learned scale.

    A shift is learned only where the spec asks for a bias. Computed in the type of the scale, which is wider
    than x where products are in bfloat16.
    """

    def __init__(self, spec: NormSpec, width: int) -> None:
        super().__init__()
        self.epsilon = spec.epsilon
        self.normalise = _NORMS[spec.kind]
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if spec.bias else None

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype != self.weight.dtype:
            x = x.to(self.weight.dtype)
        y = self.normalise(x, self.weight, self.epsilon)
        return y if self.bias is None else y + self.bias


def _rms(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    return F.rms_norm(x, weight.shape, weight, epsilon)


def _layer(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    return F.layer_norm(x, weight.shape, weight, None, epsilon)


_NORMS = {"rms": _rms, "layer": _layer}
