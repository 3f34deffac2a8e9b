"""What an expert does between its two matrices, forward and backward, in given memory.

Pre-activations h [R, 2H] hold the gate and then the up projection of a gated expert, h [R, H] those of a
plain one. The activated gate (or activated h) `active` [R, H] is kept for the backward pass: an exponential
costs as much as four products.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from core.model.execute.activation import ACTIVATIONS


@dataclass(frozen=True, slots=True)
class Hidden:
    """active * up, active = f(gate), or just f(h) of an expert without gate.

    alpha, limit: the clamped unit of gpt-oss, see `GroupShape`.
    """

    gated: bool
    activation: str
    alpha: float = 1.0
    limit: float | None = None

    def forward(self, h: Tensor, active: Tensor, product: Tensor) -> Tensor:
        """Stores the activated gate in `active`; returns what goes down, in `product` or `active`.

        `product` may be `active` where that need not be kept.
        """
        f = ACTIVATIONS[self.activation]
        if not self.gated:
            return f.value(h, active)
        gate, up = h.chunk(2, 1)
        if self.limit is None:
            return torch.mul(f.value(gate, active), up, out=product)
        torch.clamp(gate, max=self.limit, out=active).mul_(self.alpha)
        torch.ops.aten.silu_(active).div_(self.alpha)
        return torch.mul(active, self._shifted(up), out=product)

    def backward(self, h: Tensor, active: Tensor, grad: Tensor, dh: Tensor, product: Tensor) -> Tensor:
        """Turns the gradient `grad` of what went down, which is overwritten, into that of h, in `dh`; returns
        what went down, in `product` or `active`.
        """
        f = ACTIVATIONS[self.activation]
        if not self.gated:
            f.slope(grad, h, dh)
            return active
        gate, up = h.chunk(2, 1)
        dgate, dup = dh.chunk(2, 1)
        torch.mul(grad, active, out=dup)
        if self.limit is None:
            torch.mul(active, up, out=product)
            f.slope(grad.mul_(up), gate, dgate)
            return product
        dup.masked_fill_(up.abs() > self.limit, 0)
        shifted = self._shifted(up)
        torch.mul(active, shifted, out=product)
        clamped = gate.clamp(max=self.limit).mul_(self.alpha)
        f.slope(grad.mul_(shifted), clamped, dgate).masked_fill_(gate > self.limit, 0)
        return product

    def _shifted(self, up: Tensor) -> Tensor:
        return up.clamp(-self.limit, self.limit).add_(1) if self.limit is not None else up
