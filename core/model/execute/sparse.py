"""Every token through its own experts only: sort the slots once, multiply expert by expert, combine once."""
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from core.model.execute import runs
from core.model.execute.slots import Slots, sort_slots
from core.model.experts import ExpertBank, FreeExperts, StackedExperts

Strategy = Literal["hit", "ragged", "grouped"]
RUN_ROWS = 256


@dataclass(frozen=True, slots=True)
class Group:
    """What the kernels need to know of one group."""

    first: int
    count: int
    kind: str
    activation: str
    biased: bool


def sparse(bank: ExpertBank, x_TD: Tensor, expert_TK: Tensor, weight_TK: Tensor) -> Tensor:
    groups, tensors = _native(bank)
    y_TD: Tensor = _Sparse.apply(x_TD, weight_TK, expert_TK, bank.count, groups, *tensors)
    return y_TD


def _native(bank):
    groups, tensors = [], []
    for first, group in zip(bank.starts(), bank.members(), strict=True):
        shape = group.shape
        groups.append(Group(first, group.count, shape.kind, shape.activation, shape.bias))
        if isinstance(group, StackedExperts):
            tensors += [t for t in group.tensors() if t is not None]
    return tuple(groups), tensors


def _weights(groups, tensors):
    tensors = iter(tensors)
    for g in groups:
        if g.kind in ("zero", "identity"):
            yield g, None
        elif g.biased:
            yield g, runs.Weights(next(tensors), next(tensors), next(tensors), next(tensors))
        else:
            yield g, runs.Weights(next(tensors), next(tensors), None, None)


class _Sparse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x_TD, weight_TK, expert_TK, experts, groups, *tensors):
        keep = any(ctx.needs_input_grad)
        slots = sort_slots(expert_TK, experts)
        N = slots.count
        y_ND = x_TD.new_empty(N + slots.dropped, x_TD.shape[1])
        if slots.dropped:
            y_ND[N] = 0
        hs, at, cuts = [], 0, []
        for g, w in _weights(groups, tensors):
            sizes = slots.sizes[g.first:g.first + g.count]
            n = sum(sizes)
            if w is not None:
                cut = runs.cut(sizes, RUN_ROWS)
                cuts.append(cut)
                h = runs.forward(w, g.activation, g.kind == "glu", cut, x_TD, slots.token_N[at:at + n], y_ND[at:at + n], keep)
                if keep: hs.append(h)
            at += n
        if keep:
            ctx.save_for_backward(x_TD, weight_TK, y_ND, *hs, *tensors)
            ctx.slots, ctx.groups, ctx.cuts = slots, groups, cuts
        return F.embedding_bag(slots.row_TK, y_ND, per_sample_weights=weight_TK, mode="sum")

    @staticmethod
    def backward(ctx, dy_TD):
        x_TD, weight_TK, y_ND, *rest = ctx.saved_tensors
        slots = ctx.slots
        T, K = weight_TK.shape
        dy_TD = dy_TD.contiguous()
        m = len(ctx.cuts)
        hs, tensors = rest[:m], rest[m:]
        N = slots.count
        row = slots.row_TK.view(-1)
        bag = torch.arange(T).repeat_interleave(K)
        dw = torch.ops.aten._embedding_bag_per_sample_weights_backward(dy_TD, y_ND, row, torch.arange(0, T*K, K), bag, 0)
        dx_ND = torch.empty_like(y_ND)
        if slots.dropped: dx_ND[N] = 0
        scale = weight_TK.reshape(-1).index_select(0, slots.order_N)
        at, grads = 0, []
        for (g, w), h, cut in zip(_weights(ctx.groups, tensors), hs, ctx.cuts):
            sizes = slots.sizes[g.first:g.first + g.count]
            n = sum(sizes)
            gw = runs.Weights(*(None if t is None else torch.empty_like(t) for t in (w.into, w.down, w.into_bias, w.down_bias)))
            runs.backward(w, g.activation, g.kind == "glu", cut, x_TD, slots.token_N[at:at+n], h, scale[at:at+n], dy_TD, dx_ND[at:at+n], gw)
            for e, s in enumerate(sizes):
                if s == 0:
                    gw.into[e] = 0; gw.down[e] = 0
            grads += [gw.into, gw.down]
            at += n
        dx = F.embedding_bag(slots.row_TK, dx_ND, mode="sum")
        return (dx, dw.view(T, K), None, None, None, *grads)
