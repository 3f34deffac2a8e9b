"""Activations of experts as pairs (value, slope) that write into given memory.

`value(x, out)` stores f(x); `slope(grad, x, out)` stores grad * f'(x). `out` may be a strided view, so a gate
and its gradient can live inside the [N, 2H] matrix of a gated expert. `out` must not overlap `x`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

aten = torch.ops.aten


@dataclass(frozen=True, slots=True)
class Activation:
    """One activation. Both functions return `out`."""

    value: Callable[[Tensor, Tensor], Tensor]
    slope: Callable[[Tensor, Tensor, Tensor], Tensor]


def _gelu(approximate: str) -> Activation:
    return Activation(
        lambda x, out: aten.gelu.out(x, approximate=approximate, out=out),
        lambda grad, x, out: aten.gelu_backward.grad_input(grad, x, approximate=approximate, grad_input=out),
    )


def _relu2(x: Tensor, out: Tensor) -> Tensor:
    return torch.clamp_min(x, 0, out=out).square_()


def _relu2_slope(grad: Tensor, x: Tensor, out: Tensor) -> Tensor:
    return torch.clamp_min(x, 0, out=out).mul_(grad).mul_(2)


ACTIVATIONS = {
    "silu": Activation(
        lambda x, out: aten.silu.out(x, out=out),
        lambda grad, x, out: aten.silu_backward.grad_input(grad, x, grad_input=out),
    ),
    "gelu": _gelu("none"),
    "gelu_tanh": _gelu("tanh"),
    "relu": Activation(
        lambda x, out: torch.clamp_min(x, 0, out=out),
        lambda grad, x, out: aten.threshold_backward.grad_input(grad, x, 0, grad_input=out),
    ),
    "relu2": Activation(_relu2, _relu2_slope),  # Primer, arXiv 2109.08668
}
