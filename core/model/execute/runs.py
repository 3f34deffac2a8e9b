"""Forward and backward of one glu or mlp group over its sorted rows, cut into runs.

A *run* is a stretch of rows handled together: several small experts, one expert, or a part of a large one. Its matrix
products go expert by expert, everything elementwise goes over the whole run, and its scratch memory stays in cache.
"""
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from core.model.execute.activation import ACTIVATIONS, Activation


@dataclass(frozen=True, slots=True)
class Weights:
    """Tensors of one group: into [E, 2H or H, D], down [E, D, H], and their biases [E, 2H or H], [E, D] or None."""

    into: Tensor
    down: Tensor
    into_bias: Tensor | None = None
    down_bias: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """Rows low to high of the group: sizes[i] of them for expert experts[i]. fresh: the first part of its expert.
    ends: where the rows of every expert of the group end, for torch's grouped_mm; None to multiply one by one."""

    low: int
    high: int
    experts: list[int]
    sizes: list[int]
    fresh: bool = True
    ends: Tensor | None = None


def whole(sizes: Sequence[int], device: torch.device) -> list[Run]:
    """One run over all rows, multiplied by grouped_mm; none if there are no rows."""
    rows = sum(sizes)
    ends = torch.tensor(sizes, dtype=torch.int32, device=device).cumsum(0, dtype=torch.int32)
    return [Run(0, rows, list(range(len(sizes))), list(sizes), ends=ends)] if rows else []


def cut(sizes: Sequence[int], limit: int) -> list[Run]:
    """Runs of at most `limit` rows that cover sizes[e] rows of every expert e in order; experts without rows are in none."""
    runs: list[Run] = []
    experts: list[int] = []
    counts: list[int] = []
    low = at = 0
    for expert, size in enumerate(sizes):
        if not size:
            continue
        if counts and at - low + size > limit:
            runs.append(Run(low, at, experts, counts))
            experts, counts, low = [], [], at
        if size > limit:
            for start, end in _even_parts(at, size, limit):
                runs.append(Run(start, end, [expert], [end - start], fresh=start == at))
            low = at = at + size
        else:
            experts.append(expert)
            counts.append(size)
            at += size
    if counts:
        runs.append(Run(low, at, experts, counts))
    return runs


def _even_parts(at: int, size: int, limit: int) -> Iterator[tuple[int, int]]:
    parts = -(-size // limit)
    return ((at + size * i // parts, at + size * (i + 1) // parts) for i in range(parts))


class Matrices:
    """A stack of matrices [E, in, out], multiplied with the rows of a run, each row with its expert's matrix."""

    def __init__(self, stack_Eio: Tensor, bias_Eo: Tensor | None = None) -> None:
        self.stack = stack_Eio
        self.each = stack_Eio.unbind(0)
        self.biases = None if bias_Eo is None else bias_Eo.unbind(0)

    def __call__(self, rows: Tensor, run: Run, out: Tensor) -> Tensor:
        """Writes to `out`; with grouped_mm, which takes no `out`, the result is new memory: use what is returned."""
        if run.ends is not None:
            out = F.grouped_mm(rows, self.stack, offs=run.ends)
            if self.biases is not None:
                for part, e in zip(out.split(run.sizes), run.experts, strict=True):
                    part.add_(self.biases[e])
            return out
        for row, e, target in zip(rows.split(run.sizes), run.experts, out.split(run.sizes), strict=True):
            if self.biases is None:
                torch.mm(row, self.each[e], out=target)
            else:
                torch.addmm(self.biases[e], row, self.each[e], out=target)
        return out


def forward(w: Weights, activation: str, runs: Sequence[Run], x_TD: Tensor, token_N: Tensor, y_ND: Tensor,
            keep: bool) -> Tensor | None:
    """Writes the experts' outputs into y_ND; returns the hidden pre-activations [N, 2H or H] if `keep`."""
    into = Matrices(w.into.transpose(1, 2), w.into_bias)
    down = Matrices(w.down.transpose(1, 2), w.down_bias)
    wide, hidden = w.into.shape[1], w.down.shape[2]
    most = max((run.high - run.low for run in runs), default=0)
    x_RD, a_RH = x_TD.new_empty(most, x_TD.shape[1]), x_TD.new_empty(most, hidden)
    h_N = x_TD.new_empty(y_ND.shape[0] if keep else most, wide)
    act = ACTIVATIONS[activation]
    for run in runs:
        n, span = run.high - run.low, slice(run.low, run.high)
        x, a, h, y = x_RD[:n], a_RH[:n], h_N[span] if keep else h_N[:n], y_ND[span]
        torch.index_select(x_TD, 0, token_N[span], out=x)
        h = into(x, run, h)
        if wide == hidden:
            act.value(h, a)
        else:
            gate, up = h.chunk(2, 1)
            act.value(gate, a).mul_(up)
        made = down(a, run, y)
        if run.ends is not None:
            y.copy_(made)
            h_N = h
    return h_N if keep else None


def backward(w: Weights, activation: str, runs: Sequence[Run], x_TD: Tensor, token_N: Tensor, h_N: Tensor,
             scale_N: Tensor, dy_TD: Tensor, dx_ND: Tensor | None, grad: Weights | None) -> None:
    """Writes the gradient of the rows into dx_ND and that of the parameters into `grad`, both only where given.

    scale_N: the weight each row was combined with. Experts without rows are left alone in `grad`.
    """
    into, down = Matrices(w.into), Matrices(w.down)
    wide, hidden = w.into.shape[1], w.down.shape[2]
    most = max((run.high - run.low for run in runs), default=0)
    x_RD, dy_RD = (x_TD.new_empty(most, x_TD.shape[1]) for _ in range(2))
    a_RH, da_RH = (x_TD.new_empty(most, hidden) for _ in range(2))
    dh_R = x_TD.new_empty(most, wide)
    act = ACTIVATIONS[activation]
    for run in runs:
        n, span = run.high - run.low, slice(run.low, run.high)
        x, dy, a, dh, h, token = x_RD[:n], dy_RD[:n], a_RH[:n], dh_R[:n], h_N[span], token_N[span]
        torch.index_select(dy_TD, 0, token, out=dy)
        dy.mul_(scale_N[span, None])
        _through(act, h, a, down(dy, run, da_RH[:n]), dh)
        if grad is not None:
            torch.index_select(x_TD, 0, token, out=x)
            _outer(dy, a, run, grad.down)
            _outer(dh, x, run, grad.into)
            _sums(dh, run, grad.into_bias)
            _sums(dy, run, grad.down_bias)
        if dx_ND is not None:
            dx = dx_ND[span]
            made = into(dh, run, dx)
            if run.ends is not None:
                dx.copy_(made)


def _through(act: Activation, h: Tensor, a: Tensor, da: Tensor, dh: Tensor) -> None:
    """Recomputes the hidden activation into `a` and turns its gradient `da`, which it overwrites, into `dh`."""
    if h.shape[1] == a.shape[1]:
        act.value(h, a)
        act.slope(da, h, dh)
        return
    gate, up = h.chunk(2, 1)
    dgate, dup = dh.chunk(2, 1)
    act.value(gate, a)
    torch.mul(da, a, out=dup)
    a.mul_(up)
    act.slope(da.mul_(up), gate, dgate)


def _outer(left: Tensor, right: Tensor, run: Run, grad: Tensor) -> None:
    """grad[e] = left.T @ right over the rows of each expert; added up over the parts of a large one."""
    if not run.fresh:
        grad[run.experts[0]].addmm_(left.t(), right)
        return
    for a, b, e in zip(left.split(run.sizes), right.split(run.sizes), run.experts, strict=True):
        torch.mm(a.t(), b, out=grad[e])


def _sums(rows: Tensor, run: Run, grad: Tensor | None) -> None:
    """The same for a bias."""
    if grad is None:
        return
    for part, e in zip(rows.split(run.sizes), run.experts, strict=True):
        if run.fresh:
            torch.sum(part, 0, out=grad[e])
        else:
            grad[e].add_(part.sum(0))
