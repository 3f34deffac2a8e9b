"""The sorted rows of all groups: forward, and one autograd Function around it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from core.model.execute import kernels, runs
from core.model.execute.hidden import Hidden
from core.model.execute.products import Grouped, Products
from core.model.execute.slots import Slots

#: Rows that an expert's segment is padded to in bfloat16: oneDNN prepares a product anew for every new shape.
BLOCK = 64


@dataclass(frozen=True, slots=True)
class Group:
    """What the kernels must know of a group besides its tensors, of which there are `tensors`.

    hidden: None for experts without parameters, whose `kind` says what they do. run_rows: the most rows of a
    run. products: what multiplies it.
    """

    first: int
    count: int
    kind: str
    hidden: Hidden | None = None
    tensors: int = 0
    run_rows: int = 0
    products: type[Products] = Products


@dataclass(frozen=True, slots=True)
class Part:
    """One group's rows low to high among the sorted rows, cut into runs unless it has no parameters."""

    group: Group
    low: int
    high: int
    runs: list[runs.Run]


def plan(groups: Sequence[Group], slots: Slots) -> list[Part]:
    """Which rows belong to which group, and their runs."""
    parts = []
    ends = [0, *accumulate(slots.sizes)]
    for group in groups:
        last = group.first + group.count
        low, high = ends[group.first], ends[last]
        cut: list[runs.Run] = []
        if group.hidden is not None and high > low:
            sizes = slots.sizes[group.first : last]
            if group.products is Grouped:
                cut = [runs.whole(sizes, slots.token_N.device)]
            else:
                cut = runs.cut(sizes, group.run_rows)
        parts.append(Part(group, low, high, cut))
    return parts


def _weights(
    parts: Sequence[Part], tensors: Sequence[Tensor], dtype: torch.dtype
) -> Iterator[tuple[Part, kernels.Weights | None]]:
    """Every part with its tensors as `dtype`, None where it has none."""
    taken = 0
    for part in parts:
        own = tensors[taken : taken + part.group.tensors]
        taken += len(own)
        if own and own[0].dtype != dtype:
            own = [tensor.to(dtype) for tensor in own]
        yield part, kernels.Weights(*own) if own else None


def combine(
    x_TD: Tensor,
    weight_TK: Tensor,
    slots: Slots,
    parts: Sequence[Part],
    tensors: Sequence[Tensor],
    dtype: torch.dtype,
    keep: bool,
) -> tuple[Tensor, list[Tensor]]:
    """y_TD; if `keep`, also what the backward pass needs: the rows' outputs, each part's `Kept`.

    dtype: of the matrix products. Every row must belong to one of `parts`.
    """
    low_TD = x_TD.to(dtype)
    y_ND = low_TD.new_empty(slots.token_N.shape[0], x_TD.shape[1])
    kept = [y_ND]
    for part, weights in _weights(parts, tensors, dtype):
        token_N, y = slots.token_N[part.low : part.high], y_ND[part.low : part.high]
        group = part.group
        if weights is not None:
            assert group.hidden is not None
            made = kernels.forward(weights, group.hidden, group.products, part.runs, low_TD, token_N, y, keep)
            kept += made or ()
        elif group.kind == "zero":
            y.zero_()
        else:
            torch.index_select(low_TD, 0, token_N, out=y)
    return _bag(slots, y_ND.to(x_TD.dtype), slots.of_live(weight_TK.reshape(-1))), kept


def _bag(slots: Slots, rows_ND: Tensor, weight_L: Tensor | None) -> Tensor:
    """Gather, weigh and sum in one kernel: 5 to 30 times faster on a CPU than doing it in three."""
    if slots.row_L.shape[0] == 0:
        return rows_ND.new_zeros(slots.start_T.shape[0], rows_ND.shape[1])
    y_TD: Tensor = torch.embedding_bag(rows_ND, slots.row_L, slots.start_T, False, 0, False, weight_L)[0]
    return y_TD


class Sparse(torch.autograd.Function):
    """Saves the rows' outputs, hidden pre-activations and activated gates; gradients of the parameters are
    written straight into stacked tensors."""

    @staticmethod
    def forward(
        ctx: Any,
        x_TD: Tensor,
        weight_TK: Tensor,
        slots: Slots,
        dtype: torch.dtype,
        groups: tuple[Group, ...],
        *tensors: Tensor,
    ) -> Tensor:
        parts = plan(groups, slots)
        y_TD, kept = combine(x_TD, weight_TK, slots, parts, tensors, dtype, keep=True)
        ctx.save_for_backward(x_TD, weight_TK, *tensors, *kept)
        ctx.slots, ctx.parts, ctx.dtype = slots, parts, dtype
        return y_TD

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, dy_TD: Tensor) -> tuple[Tensor | None, ...]:
        slots: Slots = ctx.slots
        parts: list[Part] = ctx.parts
        x_TD, weight_TK, *rest = ctx.saved_tensors
        many = sum(part.group.tensors for part in parts)
        tensors, y_ND, kept = rest[:many], rest[many], iter(rest[many + 1 :])
        wants_x, wants_weight = ctx.needs_input_grad[:2]
        wanted = iter(ctx.needs_input_grad[5:])
        dy_TD, low_TD = dy_TD.contiguous(), x_TD.to(ctx.dtype)
        scale_N = slots.by_row(weight_TK.reshape(-1))
        dx_ND = torch.empty_like(y_ND) if wants_x else None
        dscale_N = torch.empty_like(scale_N) if wants_weight else None
        whole = kernels.Back(slots.token_N, scale_N, y_ND, dx_ND, dscale_N)
        grads: list[Tensor | None] = []
        for part, weights in _weights(parts, tensors, ctx.dtype):
            group, back = part.group, whole.span(part.low, part.high)
            if weights is None:
                _free_backward(group, dy_TD, back)
                continue
            assert group.hidden is not None
            wants = [next(wanted) for _ in range(group.tensors)]
            saved = kernels.Kept(next(kept), next(kept))
            grad = kernels.backward(
                weights, group.hidden, group.products, part.runs, low_TD, dy_TD, saved, back, any(wants)
            )
            made = grad or (None,) * 4
            grads += [
                g.to(x_TD.dtype) if want and g is not None else None
                for g, want in zip(made, wants, strict=False)
            ]
        dx_TD = None if dx_ND is None else _bag(slots, dx_ND.to(x_TD.dtype), None)
        dweight_TK = None
        if dscale_N is not None:
            dweight_TK = slots.by_slot(dscale_N, weight_TK.numel()).view_as(weight_TK)
        return dx_TD, dweight_TK, None, None, None, *grads


def _free_backward(group: Group, dy_TD: Tensor, back: kernels.Back) -> None:
    """For experts without parameters, which give 0 or their input."""
    if group.kind == "zero":
        for gradient in (back.dx_ND, back.dscale_N):
            if gradient is not None:
                gradient.zero_()
        return
    dy_ND = dy_TD.index_select(0, back.token_N)
    if back.dscale_N is not None:
        torch.sum(dy_ND * back.y_ND, 1, out=back.dscale_N)
    if back.dx_ND is not None:
        back.dx_ND.copy_(dy_ND.mul_(back.scale_N[:, None]))
