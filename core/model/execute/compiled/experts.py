"""Groups of glu or mlp experts in float32, forward and backward, each pass a single call of the C program."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from core.model.execute.compiled.call import Call, CompiledGroup, GroupMemory, addresses
from core.model.execute.compiled.library import library
from core.model.execute.hidden import Hidden
from core.model.execute.slots import Slots


def takes(hidden: Hidden, tensors: Sequence[Tensor], dtype: torch.dtype) -> bool:
    """Whether the C program is there and runs such experts: float32, without biases or clamps, in memory that
    the processor reaches.
    """
    return (
        hidden.limit is None
        and len(tensors) == 2
        and all(t.dtype == dtype == torch.float32 and t.device.type == "cpu" for t in tensors)
        and all(t.is_contiguous() for t in tensors)
        and library() is not None
    )


class Compiled(torch.autograd.Function):
    """The groups' share of y_TD. Saves the hidden pre-activations only; needs every row of `slots` to be of
    one of the groups.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x_TD: Tensor,
        weight_TK: Tensor,
        slots: Slots,
        groups: tuple[CompiledGroup, ...],
        *tensors: Tensor,
    ) -> Tensor:
        scale_N = slots.by_row(weight_TK.reshape(-1))
        y_TD, kept = run(x_TD, scale_N, slots, groups, tensors, keep=True)
        ctx.save_for_backward(x_TD, scale_N, kept, *tensors)
        ctx.slots, ctx.groups, ctx.shape = slots, groups, weight_TK.shape
        return y_TD

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, dy_TD: Tensor) -> tuple[Tensor | None, ...]:
        slots: Slots = ctx.slots
        x_TD, scale_N, kept, *tensors = ctx.saved_tensors
        wants_x, wants_weight = ctx.needs_input_grad[:2]
        x_TD, dy_TD = x_TD.contiguous(), dy_TD.contiguous()
        dx_TD = torch.zeros_like(x_TD) if wants_x else None
        dscale_N = torch.empty_like(scale_N) if wants_weight else None
        wanted = ctx.needs_input_grad[4:]
        # The C program makes those of a group's two matrices together.
        made = [
            torch.empty_like(t) if any(wanted[i // 2 * 2 : i // 2 * 2 + 2]) else None
            for i, t in enumerate(tensors)
        ]
        call = Call(ctx.groups, x_TD, tensors, slots)
        targets = addresses(made[::2]), addresses(made[1::2])
        call.run("backward", scale_N, kept, dy_TD, call.room(), dx_TD, dscale_N, *targets)
        grads = [grad if wants else None for grad, wants in zip(made, wanted, strict=True)]
        dweight_TK = None
        if dscale_N is not None:
            dweight_TK = slots.by_slot(dscale_N, ctx.shape.numel()).view(ctx.shape)
        return dx_TD, dweight_TK, None, None, *grads


def run(
    x_TD: Tensor,
    scale_N: Tensor,
    slots: Slots,
    groups: Sequence[CompiledGroup],
    tensors: Sequence[Tensor],
    keep: bool,
) -> tuple[Tensor, Tensor | None]:
    """y_TD and, if `keep`, all groups' hidden pre-activations. scale_N: the weight of every row."""
    x_TD = x_TD.contiguous()
    y_TD, call = torch.zeros_like(x_TD), Call(groups, x_TD, tensors, slots)
    kept = x_TD.new_empty(call.hidden) if keep else None
    call.run("forward", scale_N, kept, call.room(), y_TD)
    return y_TD, kept


def add_hit(
    group: CompiledGroup,
    x_TD: Tensor,
    expert_TK: Tensor,
    weight_TK: Tensor,
    tensors: Sequence[Tensor],
    y_TD: Tensor,
) -> None:
    """Adds the group's share of a few tokens to y_TD, unsorted. All are contiguous."""
    made, (T, D) = library(), x_TD.shape
    assert made is not None
    into, down = tensors
    memory = GroupMemory.of(group, into, down)
    room = x_TD.new_empty(D + memory.H + memory.W)
    made.hit(
        ctypes.byref(memory), x_TD.data_ptr(), T, D, expert_TK.data_ptr(), weight_TK.data_ptr(),
        expert_TK.shape[1], room.data_ptr(), y_TD.data_ptr(),
    )  # fmt: skip
