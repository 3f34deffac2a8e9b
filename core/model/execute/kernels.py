"""Forward and backward of one glu or mlp group over its sorted rows, run by run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from core.model.execute.hidden import Hidden
from core.model.execute.products import Products
from core.model.execute.runs import Run


class Weights(NamedTuple):
    """Tensors of one group: into [E, 2H or H, D], down [E, D, H], and their biases [E, 2H or H], [E, D] or
    None.
    """

    into: Tensor
    down: Tensor
    into_bias: Tensor | None = None
    down_bias: Tensor | None = None


class Kept(NamedTuple):
    """What the backward pass needs of a group: pre-activations [N, 2H or H], activated gates [N, H]."""

    h_N: Tensor
    active_N: Tensor


def forward(
    w: Weights,
    hidden: Hidden,
    products: type[Products],
    runs: Sequence[Run],
    x_TD: Tensor,
    token_N: Tensor,
    y_ND: Tensor,
    keep: bool,
) -> Kept | None:
    """Writes the experts' outputs into y_ND; returns what `backward` needs if `keep`."""
    into = products(w.into.transpose(1, 2), w.into_bias)
    down = products(w.down.transpose(1, 2), w.down_bias)
    wide, H = w.into.shape[1], w.down.shape[2]
    # What is not kept is reused by the next run while it is in cache.
    most = max((run.high - run.low for run in runs), default=0)
    room = y_ND.shape[0] if keep else most
    h_N, active_N = x_TD.new_empty(room, wide), x_TD.new_empty(room, H)
    product_R = x_TD.new_empty(most, H) if keep and hidden.gated else active_N
    for run in runs:
        rows, many = slice(run.low, run.high), run.high - run.low
        span = rows if keep else slice(0, many)
        h = into.rows(x_TD.index_select(0, token_N[rows]), run, h_N[span])
        y = down.rows(hidden.forward(h, active_N[span], product_R[:many]), run, y_ND[rows])
        if run.ends is not None:
            h_N = h
            y_ND.copy_(y)
    return Kept(h_N, active_N) if keep else None


class Back(NamedTuple):
    """What the backward pass reads and writes, row by row.

    scale_N: the weight that each row was combined with, 0 for padding, which therefore adds nothing to a
    gradient. y_ND: its output. dx_ND, dscale_N: gradients to write, None where nobody wants them.
    """

    token_N: Tensor
    scale_N: Tensor
    y_ND: Tensor
    dx_ND: Tensor | None
    dscale_N: Tensor | None

    def span(self, low: int, high: int) -> Back:
        """The rows low to high."""
        rows = slice(low, high)
        return Back(
            self.token_N[rows],
            self.scale_N[rows],
            self.y_ND[rows],
            None if self.dx_ND is None else self.dx_ND[rows],
            None if self.dscale_N is None else self.dscale_N[rows],
        )


def backward(
    w: Weights,
    hidden: Hidden,
    products: type[Products],
    runs: Sequence[Run],
    x_TD: Tensor,
    dy_TD: Tensor,
    kept: Kept,
    back: Back,
    wanted: bool,
) -> Weights | None:
    """Writes the gradients of the rows; returns that of the parameters, if `wanted`.

    The gradient of an expert without rows is 0.
    """
    into, down = products(w.into), products(w.down)
    grad = _room(w, runs) if wanted else None
    wide, H = w.into.shape[1], w.down.shape[2]
    most = max((run.high - run.low for run in runs), default=0)
    da_R, product_R, dh_R = (x_TD.new_empty(most, width) for width in (H, H, wide))
    for run in runs:
        rows, many = slice(run.low, run.high), run.high - run.low
        token, dh = back.token_N[rows], dh_R[:many]
        dy = dy_TD.index_select(0, token)
        if back.dscale_N is not None:
            products.dots(dy, back.y_ND[rows].to(dy.dtype), back.dscale_N[rows])
        dy = dy.mul_(back.scale_N[rows, None]).to(x_TD.dtype)
        da = down.rows(dy, run, da_R[:many])
        a = hidden.backward(kept.h_N[rows], kept.active_N[rows], da, dh, product_R[:many])
        if grad is not None:
            grad = Weights(
                products.outer(dh, x_TD.index_select(0, token), run, grad.into),
                products.outer(dy, a, run, grad.down),
                _sums(dh, run, grad.into_bias),
                _sums(dy, run, grad.down_bias),
            )
        if back.dx_ND is not None:
            dx = into.rows(dh, run, back.dx_ND[rows])
            if run.ends is not None:
                back.dx_ND.copy_(dx)
    return grad


def _room(w: Weights, runs: Sequence[Run]) -> Weights:
    """Memory for the gradients, zeroed for the experts that no token reached: zeroing all would cost a
    pass over them.
    """
    idle = sorted(set(range(w.into.shape[0])) - {e for run in runs for e in run.experts})
    tensors = []
    for tensor in w:
        gradient = None if tensor is None else torch.empty_like(tensor, memory_format=torch.contiguous_format)
        if gradient is not None:
            for e in idle:
                gradient[e].zero_()
        tensors.append(gradient)
    into, down, into_bias, down_bias = tensors
    assert into is not None
    assert down is not None
    return Weights(into, down, into_bias, down_bias)


def _sums(rows: Tensor, run: Run, grad: Tensor | None) -> Tensor | None:
    """The same for a bias."""
    if grad is not None:
        for part, e in zip(rows.split(run.sizes), run.experts, strict=True):
            if run.fresh:
                torch.sum(part, 0, out=grad[e])
            else:
                grad[e].add_(part.sum(0))
    return grad
