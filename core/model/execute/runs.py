"""Forward and backward of one glu or mlp group over its sorted rows, cut into runs.

A *run* is a stretch of rows handled together: several small experts, one expert, or a part of a large one.
Its matrix products go expert by expert, everything elementwise goes over the whole run, and its scratch
memory stays in cache.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor
from torch.nn import functional as F

from core.model.execute.activation import ACTIVATIONS, Activation


@dataclass(frozen=True, slots=True)
class Weights:
    """Tensors of one group: into [E, 2H or H, D], down [E, D, H], and their biases [E, 2H or H], [E, D] or
    None.
    """

    into: Tensor
    down: Tensor
    into_bias: Tensor | None = None
    down_bias: Tensor | None = None


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

    def pieces(self, left: Tensor, right: Tensor) -> Iterable[tuple[int, Tensor, Tensor]]:
        """(expert, its rows of `left`, its rows of `right`) for every expert of the run."""
        if len(self.sizes) == 1:
            return ((self.experts[0], left, right),)
        return zip(self.experts, left.split(self.sizes), right.split(self.sizes), strict=True)


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
        self.bias = bias_Eo

    def __call__(self, rows: Tensor, run: Run, out: Tensor | None = None) -> Tensor:
        """The products [R, out], in `out` if given."""
        if run.ends is not None:
            made = F.grouped_mm(rows, self.stack, offs=run.ends)
            if self.bias is not None:
                for part, e in zip(made.split(run.sizes), run.experts, strict=True):
                    part.add_(self.bias[e])
            return made if out is None else out.copy_(made)
        out = rows.new_empty(rows.shape[0], self.stack.shape[2]) if out is None else out
        for e, row, target in run.pieces(rows, out):
            if self.bias is None:
                torch.mm(row, self.stack.select(0, e), out=target)
            else:
                torch.addmm(self.bias[e], row, self.stack.select(0, e), out=target)
        return out


def forward(
    w: Weights, activation: str, runs: Sequence[Run], x_TD: Tensor, token_N: Tensor, y_ND: Tensor, keep: bool
) -> Tensor | None:
    """Writes the experts' outputs into y_ND; returns the hidden pre-activations [N, 2H or H] if `keep`."""
    into = Matrices(w.into.transpose(1, 2), w.into_bias)
    down = Matrices(w.down.transpose(1, 2), w.down_bias)
    wide, hidden = w.into.shape[1], w.down.shape[2]
    act = ACTIVATIONS[activation]
    # One run hands over its own matrix; several write into one, and what is not kept is reused while it is in
    # cache.
    h_N = x_TD.new_empty(y_ND.shape[0], wide) if keep and len(runs) != 1 else None
    h = None
    for run in runs:
        x = x_TD.index_select(0, token_N[run.low : run.high])
        h = into(x, run, None if h_N is None else h_N[run.low : run.high])
        a = h.new_empty(h.shape[0], hidden)
        if wide == hidden:
            act.value(h, a)
        else:
            gate, up = h.chunk(2, 1)
            act.value(gate, a).mul_(up)
        down(a, run, y_ND[run.low : run.high])
    return (h if h_N is None else h_N) if keep else None


def backward(
    w: Weights,
    activation: str,
    runs: Sequence[Run],
    x_TD: Tensor,
    token_N: Tensor,
    h_N: Tensor,
    scale_N: Tensor,
    dy_TD: Tensor,
    dx_ND: Tensor | None,
    wanted: bool,
) -> Weights | None:
    """Writes the gradient of the rows into dx_ND, if given; returns that of the parameters, if `wanted`.

    scale_N: the weight each row was combined with. The gradient of an expert without rows is 0.
    """
    into, down = Matrices(w.into), Matrices(w.down)
    act = ACTIVATIONS[activation]
    grad = _room(w, runs) if wanted else None
    for run in runs:
        span = slice(run.low, run.high)
        h, token = h_N[span], token_N[span]
        dy = dy_TD.index_select(0, token).mul_(scale_N[span, None])
        da = down(dy, run)
        a, dh = torch.empty_like(da), torch.empty_like(h)
        _through(act, h, a, da, dh)
        if grad is not None:
            x = x_TD.index_select(0, token)
            grad = Weights(
                _outer(dh, x, run, grad.into),
                _outer(dy, a, run, grad.down),
                _sums(dh, run, grad.into_bias),
                _sums(dy, run, grad.down_bias),
            )
        if dx_ND is not None:
            into(dh, run, dx_ND[span])
    return grad


def _room(w: Weights, runs: Sequence[Run]) -> Weights:
    """Memory for the gradients, zeroed for the experts that no token reached: zeroing all would cost a
    pass over them.
    """
    idle = sorted(set(range(w.into.shape[0])) - {e for run in runs for e in run.experts})
    tensors = []
    for tensor in (w.into, w.down, w.into_bias, w.down_bias):
        gradient = None if tensor is None else torch.empty_like(tensor, memory_format=torch.contiguous_format)
        if gradient is not None:
            for e in idle:
                gradient[e].zero_()
        tensors.append(gradient)
    into, down, into_bias, down_bias = tensors
    assert into is not None
    assert down is not None
    return Weights(into, down, into_bias, down_bias)


def _through(act: Activation, h: Tensor, a: Tensor, da: Tensor, dh: Tensor) -> None:
    """Recomputes the hidden activation into `a` and turns its gradient `da`, which it overwrites, into
    `dh`.
    """
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


def _outer(left: Tensor, right: Tensor, run: Run, grad: Tensor) -> Tensor:
    """grad[e] = left.T @ right over the rows of each expert, added up over the parts of a large one;
    returns grad.
    """
    if run.ends is not None:
        return F.grouped_mm(left.t(), right, offs=run.ends)
    if not run.fresh:
        grad.select(0, run.experts[0]).addmm_(left.t(), right)
        return grad
    for e, a, b in run.pieces(left, right):
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
