"""Forward and backward of one expert group over its sorted rows, cut into runs.

A *run* is a stretch of rows handled together: several small experts, one expert, or a part of a large one. Its matrix
products go expert by expert, everything elementwise goes over the whole run, and its scratch is meant to stay in cache.
"""
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from core.model.execute.activation import ACTIVATIONS, Activation


@dataclass(frozen=True, slots=True)
class Weights:
    """Parameters of one glu or mlp group: into [E, 2H or H, D], down [E, D, H], and biases or None."""

    into: Tensor
    down: Tensor
    into_bias: Tensor | None
    down_bias: Tensor | None


@dataclass(frozen=True, slots=True)
class Run:
    """Rows low to high of the group; `sizes[i]` of them for expert `experts[i]`. `fresh`: the first part of its expert."""

    low: int
    high: int
    experts: list[int]
    sizes: list[int]
    fresh: bool


def cut(sizes: Sequence[int], limit: int) -> list[Run]:
    """Runs of at most `limit` rows that cover `sizes` rows per expert in order; experts without rows appear in none."""
    runs: list[Run] = []
    experts: list[int] = []
    counts: list[int] = []
    low = at = 0
    for expert, size in enumerate(sizes):
        if size == 0:
            continue
        if counts and at - low + size > limit:
            runs.append(Run(low, at, experts, counts, True))
            experts, counts, low = [], [], at
        if size > limit:
            for high in _even(at, size, limit):
                runs.append(Run(low, high, [expert], [high - low], low == at))
                low = high
            at = low
            continue
        experts.append(expert)
        counts.append(size)
        at += size
    if counts:
        runs.append(Run(low, at, experts, counts, True))
    return runs


def _even(at: int, size: int, limit: int) -> Iterator[int]:
    parts = -(-size // limit)
    return (at + size * (i + 1) // parts for i in range(parts))


def _multiply(rows: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor] | None, run: Run, out: Tensor) -> None:
    """out = rows @ weights[e] + biases[e], with the weights of each row's expert."""
    pieces = ((rows, run.experts[0], out),) if len(run.sizes) == 1 else zip(
        rows.split(run.sizes), run.experts, out.split(run.sizes), strict=True)
    for row, e, target in pieces:
        if biases is None:
            torch.mm(row, weights[e], out=target)
        else:
            torch.addmm(biases[e], row, weights[e], out=target)


def _outer(left: Tensor, right: Tensor, run: Run, grads: Sequence[Tensor]) -> None:
    """grads[e] (+)= left.T @ right over the rows of each expert; the first part of an expert overwrites."""
    if not run.fresh:
        grads[run.experts[0]].addmm_(left.t(), right)
        return
    if len(run.sizes) == 1:
        torch.mm(left.t(), right, out=grads[run.experts[0]])
        return
    for a, b, e in zip(left.split(run.sizes), right.split(run.sizes), run.experts, strict=True):
        torch.mm(a.t(), b, out=grads[e])


def _sums(rows: Tensor, run: Run, grads: Sequence[Tensor]) -> None:
    """The same for a bias: grads[e] (+)= sum of the rows of each expert."""
    for part, e in zip(rows.split(run.sizes), run.experts, strict=True):
        grads[e].copy_(part.sum(0)) if run.fresh else grads[e].add_(part.sum(0))


def _hidden(activation: Activation, gated: bool, h: Tensor, out: Tensor) -> Tensor:
    if not gated:
        return activation.value(h, out)
    gate, up = h.chunk(2, 1)
    return activation.value(gate, out).mul_(up)


def forward(w: Weights, activation: str, gated: bool, runs: Sequence[Run], x_TD: Tensor, token_N: Tensor,
            y_ND: Tensor, keep: bool) -> Tensor | None:
    """Writes the experts' outputs into y_ND; returns the hidden pre-activations [N, 2H or H] if `keep`."""
    into, down = w.into.transpose(1, 2).unbind(0), w.down.transpose(1, 2).unbind(0)
    into_bias = None if w.into_bias is None else w.into_bias.unbind(0)
    down_bias = None if w.down_bias is None else w.down_bias.unbind(0)
    most = max((run.high - run.low for run in runs), default=0)
    wide, hidden = w.into.shape[1], w.down.shape[2]
    x_RD = x_TD.new_empty(most, x_TD.shape[1])
    a_RH = x_TD.new_empty(most, hidden)
    h_N = x_TD.new_empty(y_ND.shape[0] if keep else most, wide)
    act = ACTIVATIONS[activation]
    for run in runs:
        n = run.high - run.low
        x, a = x_RD[:n], a_RH[:n]
        h = h_N[run.low:run.high] if keep else h_N[:n]
        torch.index_select(x_TD, 0, token_N[run.low:run.high], out=x)
        _multiply(x, into, into_bias, run, h)
        _multiply(_hidden(act, gated, h, a), down, down_bias, run, y_ND[run.low:run.high])
    return h_N if keep else None


def backward(w: Weights, activation: str, gated: bool, runs: Sequence[Run], x_TD: Tensor, token_N: Tensor,
             h_N: Tensor, scale_N: Tensor, dy_TD: Tensor, dx_ND: Tensor | None, grad: Weights | None) -> None:
    """Writes the gradient of the rows into dx_ND and of the parameters into `grad`, both only where given.

    scale_N: the weight each row was combined with. Experts in no run are left alone in `grad`.
    """
    into, down = w.into.unbind(0), w.down.unbind(0)
    most = max((run.high - run.low for run in runs), default=0)
    wide, hidden = w.into.shape[1], w.down.shape[2]
    x_RD, dy_RD = (x_TD.new_empty(most, x_TD.shape[1]) for _ in range(2))
    a_RH, da_RH = (x_TD.new_empty(most, hidden) for _ in range(2))
    dh_R = x_TD.new_empty(most, wide)
    act = ACTIVATIONS[activation]
    into_grads, down_grads = (grad.into.unbind(0), grad.down.unbind(0)) if grad else ((), ())
    for run in runs:
        n, span = run.high - run.low, slice(run.low, run.high)
        x, dy, a, da, dh, h = x_RD[:n], dy_RD[:n], a_RH[:n], da_RH[:n], dh_R[:n], h_N[span]
        token = token_N[span]
        torch.index_select(dy_TD, 0, token, out=dy)
        dy.mul_(scale_N[span, None])
        _multiply(dy, down, None, run, da)
        _slope(act, gated, h, a, da, dh)
        if grad:
            torch.index_select(x_TD, 0, token, out=x)
            _outer(dy, a, run, down_grads)
            _outer(dh, x, run, into_grads)
            if grad.down_bias is not None and grad.into_bias is not None:
                _sums(dy, run, grad.down_bias)  # type: ignore[arg-type]
                _sums(dh, run, grad.into_bias)  # type: ignore[arg-type]
        if dx_ND is not None:
            _multiply(dh, into, None, run, dx_ND[span])


def _slope(act: Activation, gated: bool, h: Tensor, a: Tensor, da: Tensor, dh: Tensor) -> None:
    """Recomputes the hidden activation into `a` and turns its gradient `da` (overwritten) into `dh`."""
    if not gated:
        act.value(h, a)
        act.slope(da, h, dh)
        return
    gate, up = h.chunk(2, 1)
    dgate, dup = dh.chunk(2, 1)
    act.value(gate, a)
    torch.mul(da, a, out=dup)
    a.mul_(up)
    act.slope(da.mul_(up), gate, dgate)
