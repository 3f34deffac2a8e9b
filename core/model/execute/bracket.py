"""Two operators around the experts, opaque to torch.export: rows to their experts, and back to their tokens.

What stands between them is traced as it is, so an exported model computes each expert on its own rows only.
S = T*K slots (token, choice). The experts' rows lie in the order of the experts, tokens in order within each.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from core.model.execute.slots import sort_slots


@torch.library.custom_op("moe_studio::dispatch", mutates_args=())
def dispatch(x_TD: Tensor, expert_TK: Tensor, experts: int) -> list[Tensor]:
    """The rows [n_e, D] of each of `experts` experts, then row_S: where each slot's row went.

    expert_TK: int64, -1 = none. Slots of none have no row; row_S points them behind the last one.
    """
    slots = sort_slots(expert_TK, experts)
    rows_ND = x_TD.index_select(0, slots.token_N)
    row_S = slots.of_all(slots.row_L, rows_ND.shape[0], expert_TK.numel())
    # An operator's outputs may not share memory.
    return [*(part.clone() for part in rows_ND.split(slots.sizes)), row_S]


@torch.library.custom_op("moe_studio::combine", mutates_args=())
def combine(parts: list[Tensor], row_S: Tensor, weight_TK: Tensor) -> Tensor:
    """y_TD: for each token the sum of its slots' rows, each times its weight; slots of none add exactly 0."""
    rows = _with_zero_row(parts)
    return (rows.index_select(0, row_S).view(*weight_TK.shape, rows.shape[1]) * weight_TK[:, :, None]).sum(1)


@dispatch.register_fake
def _dispatch_shapes(x_TD: Tensor, expert_TK: Tensor, experts: int) -> list[Tensor]:
    context = torch.library.get_ctx()
    sizes = [context.new_dynamic_size(min=0) for _ in range(experts)]
    slots = expert_TK.shape[0] * expert_TK.shape[1]
    return [*(x_TD.new_empty(n, x_TD.shape[1]) for n in sizes), expert_TK.new_empty(slots)]


@combine.register_fake
def _combine_shapes(parts: list[Tensor], row_S: Tensor, weight_TK: Tensor) -> Tensor:
    return parts[0].new_empty(weight_TK.shape[0], parts[0].shape[1])


def _keep_dispatch(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    x_TD, expert_TK, _ = inputs
    ctx.save_for_backward(output[-1])
    ctx.shape = (*expert_TK.shape, x_TD.shape[1])


def _dispatch_backward(ctx: Any, grads: list[Tensor]) -> tuple[Tensor, None, None]:
    (row_S,) = ctx.saved_tensors
    return _with_zero_row(grads[:-1]).index_select(0, row_S).view(ctx.shape).sum(1), None, None


def _keep_combine(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    parts, row_S, weight_TK = inputs
    ctx.save_for_backward(row_S, weight_TK, *parts)


def _combine_backward(ctx: Any, dy_TD: Tensor) -> tuple[list[Tensor], None, Tensor]:
    row_S, weight_TK, *parts = ctx.saved_tensors
    rows = _with_zero_row(parts)
    slot_TKD = rows.index_select(0, row_S).view(*weight_TK.shape, rows.shape[1])
    dweight_TK = (slot_TKD * dy_TD[:, None]).sum(-1)
    slots_SD = (dy_TD[:, None] * weight_TK[:, :, None]).flatten(0, 1)
    drows = torch.zeros_like(rows).index_copy(0, row_S, slots_SD)[:-1]
    return list(drows.split([part.shape[0] for part in parts])), None, dweight_TK


dispatch.register_autograd(_dispatch_backward, setup_context=_keep_dispatch)
combine.register_autograd(_combine_backward, setup_context=_keep_combine)


def _with_zero_row(parts: list[Tensor]) -> Tensor:
    return torch.cat([*parts, parts[0].new_zeros(1, parts[0].shape[1])])
