"""Forward and backward of one glu or mlp group over its sorted rows, cut into runs.

A *run* is a stretch of rows handled together: several small experts, one expert, or a part of a large one.
Its matrix products go expert by expert, everything elementwise goes over the whole run, and its scratch
memory stays in cache.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from core.model.execute.hidden import Hidden


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


@dataclass(frozen=True, slots=True)
class Run:
    """Rows low to high of the group: sizes[i] of them for expert experts[i]. fresh: the first part of its
    expert.
    ends: where the rows of every expert of the group end, for torch's grouped_mm; None to multiply one by
    one."""

    low: int
    high: int
    experts: list[int]
    sizes: list[int]
    fresh: bool = True
    ends: Tensor | None = None

    def pieces(self, *tensors: Tensor) -> Iterable[tuple[Tensor, ...]]:
        """The rows of every expert of the run, of all `tensors`."""
        if len(self.sizes) == 1:
            return (tensors,)
        return zip(*(tensor.split(self.sizes) for tensor in tensors), strict=True)


def whole(sizes: Sequence[int], device: torch.device) -> Run:
    """One run over all rows, multiplied by grouped_mm. There must be rows."""
    ends = list(accumulate(sizes))
    grouped = torch.tensor(ends, dtype=torch.int32, device=device)
    return Run(0, ends[-1], list(range(len(sizes))), list(sizes), ends=grouped)


def cut(sizes: Sequence[int], limit: int) -> list[Run]:
    """Runs of at most `limit` rows that cover sizes[e] rows of every expert e in order; experts without
    rows are in none.
    """
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
    """A stack of matrices [E, in, out], multiplied with the rows of a run, each row with its expert's
    matrix.
    """

    def __init__(self, stack_Eio: Tensor, bias_Eo: Tensor | None = None) -> None:
        self.stack = stack_Eio
        self.each = stack_Eio.unbind(0)
        self.bias = None if bias_Eo is None else bias_Eo.unbind(0)

    def __call__(self, rows: Tensor, run: Run, out: Tensor) -> Tensor:
        """The products [R, out], in `out` unless the run is grouped: grouped_mm makes its own memory."""
        if run.ends is not None:
            made = F.grouped_mm(rows, self.stack, offs=run.ends)
            if self.bias is not None:
                for part, e in zip(made.split(run.sizes), run.experts, strict=True):
                    part.add_(self.bias[e])
            return made
        for e, (row, target) in zip(run.experts, run.pieces(rows, out), strict=True):
            if self.bias is None:
                torch.mm(row, self.each[e], out=target)
            else:
                torch.addmm(self.bias[e], row, self.each[e], out=target)
        return out


def forward(
    w: Weights, hidden: Hidden, runs: Sequence[Run], x_TD: Tensor, token_N: Tensor, y_ND: Tensor, keep: bool
) -> Kept | None:
    """Writes the experts' outputs into y_ND; returns what `backward` needs if `keep`."""
    into = Matrices(w.into.transpose(1, 2), w.into_bias)
    down = Matrices(w.down.transpose(1, 2), w.down_bias)
    wide, H = w.into.shape[1], w.down.shape[2]
    # What is not kept is reused by the next run while it is in cache.
    most = max((run.high - run.low for run in runs), default=0)
    room = y_ND.shape[0] if keep else most
    h_N, active_N = x_TD.new_empty(room, wide), x_TD.new_empty(room, H)
    product_R = x_TD.new_empty(most, H) if keep and hidden.gated else active_N
    for run in runs:
        rows, many = slice(run.low, run.high), run.high - run.low
        span = rows if keep else slice(0, many)
        h = into(x_TD.index_select(0, token_N[rows]), run, h_N[span])
        y = down(hidden.forward(h, active_N[span], product_R[:many]), run, y_ND[rows])
        if run.ends is not None:
            h_N = h
            y_ND.copy_(y)
    return Kept(h_N, active_N) if keep else None


def backward(
    w: Weights,
    hidden: Hidden,
    runs: Sequence[Run],
    x_TD: Tensor,
    token_N: Tensor,
    kept: Kept,
    scale_N: Tensor,
    dy_TD: Tensor,
    dx_ND: Tensor | None,
    wanted: bool,
) -> Weights | None:
    """Writes the gradient of the rows into dx_ND, if given; returns that of the parameters, if `wanted`.

    scale_N: the weight each row was combined with. The gradient of an expert without rows is 0.
    """
    into, down = Matrices(w.into), Matrices(w.down)
    grad = _room(w, runs) if wanted else None
    wide, H = w.into.shape[1], w.down.shape[2]
    most = max((run.high - run.low for run in runs), default=0)
    da_R, product_R, dh_R = (x_TD.new_empty(most, width) for width in (H, H, wide))
    for run in runs:
        rows, many = slice(run.low, run.high), run.high - run.low
        token, dh = token_N[rows], dh_R[:many]
        dy = dy_TD.index_select(0, token).mul_(scale_N[rows, None]).to(x_TD.dtype)
        da = down(dy, run, da_R[:many])
        a = hidden.backward(kept.h_N[rows], kept.active_N[rows], da, dh, product_R[:many])
        if grad is not None:
            grad = Weights(
                _outer(dh, x_TD.index_select(0, token), run, grad.into),
                _outer(dy, a, run, grad.down),
                _sums(dh, run, grad.into_bias),
                _sums(dy, run, grad.down_bias),
            )
        if dx_ND is not None:
            dx = into(dh, run, dx_ND[rows])
            if run.ends is not None:
                dx_ND.copy_(dx)
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


def _outer(left: Tensor, right: Tensor, run: Run, grad: Tensor) -> Tensor:
    """grad[e] = left.T @ right over the rows of each expert, added up over the parts of a large one;
    returns grad.
    """
    if run.ends is not None:
        return F.grouped_mm(left.t(), right, offs=run.ends)
    if not run.fresh:
        grad.select(0, run.experts[0]).addmm_(left.t(), right)
        return grad
    for e, (a, b) in zip(run.experts, run.pieces(left, right), strict=True):
        torch.mm(a.t(), b, out=grad.select(0, e))
    return grad


def _sums(rows: Tensor, run: Run, grad: Tensor | None) -> Tensor | None:
    """The same for a bias."""
    if grad is not None:
        for part, e in zip(rows.split(run.sizes), run.experts, strict=True):
            if run.fresh:
                torch.sum(part, 0, out=grad[e])
            else:
                grad[e].add_(part.sum(0))
    return grad
