"""Every token through its own experts only: sort the slots once, multiply expert by expert, combine once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from core.model.execute import runs
from core.model.execute.hit import hit
from core.model.execute.slots import Slots, sort_slots
from core.model.experts import ExpertBank, ExpertGroup, FreeExperts, StackedExperts

Strategy = Literal["hit", "ragged", "grouped"]
RUN_BYTES = 2**21  # of hidden activations per run: measured best from 1 to 4 MiB


def choose(tokens: int, k: int, experts: int, training: bool) -> Strategy:
    """The strategy expected to be fastest for `tokens` tokens with k of `experts` experts each.

    Thresholds measured by benchmarks/moe_layer.py: up to two tokens a matrix-vector product per hit expert
    wins, up to about 80 rows per expert the shorter loop of grouped_mm, above that cache-sized runs.
    """
    if tokens <= 2 and not training:
        return "hit"
    return "grouped" if tokens * k < 80 * experts else "ragged"


def _grouped_takes(bank: ExpertBank, x_TD: Tensor) -> bool:
    """torch's grouped_mm wants float32 or narrower, rows that start at multiples of 16 bytes."""
    step = 16 // x_TD.element_size()
    widths = (g.shape.hidden for g in bank.members() if isinstance(g, StackedExperts))
    return x_TD.dtype in (torch.float32, torch.bfloat16) and not any(n % step for n in (bank.width, *widths))


def sparse(
    bank: ExpertBank, x_TD: Tensor, expert_TK: Tensor, weight_TK: Tensor, strategy: Strategy | None = None
) -> Tensor:
    """y_TD = sum over k of weight_TK * expert[expert_TK](x_TD); gradients for x, the weights and all
    parameters.

    expert_TK: int64, -1 = not accepted or dropped: such a slot adds exactly 0 and gets gradient 0. A row
    names an expert at most once. strategy: `hit` (token by token, no gradients), `ragged` (expert by expert
    in cache-sized runs), `grouped` (torch's grouped_mm where it takes the type and widths, else ragged), or
    None to let `choose` decide. The gradient cannot be differentiated again. Raises ValueError for an expert
    the bank does not have.
    """
    training = torch.is_grad_enabled() and (
        x_TD.requires_grad or weight_TK.requires_grad or any(p.requires_grad for p in bank.parameters())
    )
    strategy = strategy or choose(*expert_TK.shape, bank.count, training)
    if strategy == "hit":
        return hit(bank, x_TD, expert_TK, weight_TK)
    if strategy == "grouped" and not _grouped_takes(bank, x_TD):
        strategy = "ragged"
    members = list(zip(bank.starts, bank.members(), strict=True))
    groups = tuple(_group(first, group) for first, group in members if _native(group))
    tensors = [
        t
        for _, group in members
        if isinstance(group, StackedExperts) and _native(group)
        for t in group.tensors()
        if t is not None
    ]
    unusual = [(first, group) for first, group in members if not _native(group)]
    mine_TK = expert_TK
    for first, group in unusual:
        mine_TK = torch.where((mine_TK >= first) & (mine_TK < first + group.count), -1, mine_TK)
    if training:
        y_TD: Tensor = _Sparse.apply(x_TD, weight_TK, mine_TK, bank.count, groups, strategy, *tensors)
    else:
        slots = sort_slots(mine_TK, bank.count)
        y_TD, _ = _combine(x_TD, weight_TK, slots, _parts(groups, slots, strategy, tensors), keep=False)
    for first, group in unusual:
        y_TD = y_TD + _plain(group, first, x_TD, expert_TK, weight_TK)
    return y_TD


def _plain(group: ExpertGroup, first: int, x_TD: Tensor, expert_TK: Tensor, weight_TK: Tensor) -> Tensor:
    """What an unusual group adds, by ordinary autograd."""
    y_TD = torch.zeros_like(x_TD)
    for e in range(group.count):
        token_N, choice_N = (expert_TK == first + e).nonzero(as_tuple=True)
        if len(token_N):
            out_ND = group.rows(x_TD.index_select(0, token_N), e) * weight_TK[token_N, choice_N, None]
            y_TD = y_TD.index_add(0, token_N, out_ND)
    return y_TD


@dataclass(frozen=True, slots=True)
class Group:
    """What the Function must know of a group besides its tensors."""

    first: int
    count: int
    kind: str
    activation: str
    tensors: int


def _native(group: ExpertGroup) -> bool:
    return type(group) is FreeExperts or (type(group) is StackedExperts and group.shape.limit is None)


def _group(first: int, group: ExpertGroup) -> Group:
    assert isinstance(group, FreeExperts | StackedExperts)
    shape = group.shape
    tensors = 0 if isinstance(group, FreeExperts) else 4 if shape.bias else 2
    return Group(first, group.count, shape.kind, shape.activation, tensors)


@dataclass(frozen=True, slots=True)
class Part:
    """One group's rows low to high among the sorted rows, its tensors, and how its rows are cut into runs."""

    group: Group
    low: int
    high: int
    weights: runs.Weights | None
    runs: list[runs.Run]


def _parts(
    groups: Sequence[Group], slots: Slots, strategy: Strategy, tensors: Sequence[Tensor]
) -> list[Part]:
    parts, low, taken = [], 0, 0
    for g in groups:
        sizes = slots.sizes[g.first : g.first + g.count]
        high = low + sum(sizes)
        weights, cut = None, []
        if g.tensors:
            weights = runs.Weights(*tensors[taken : taken + g.tensors])
            taken += g.tensors
            cut = (
                runs.whole(sizes, slots.order_N.device)
                if strategy == "grouped"
                else runs.cut(sizes, _run_rows(weights))
            )
        parts.append(Part(g, low, high, weights, cut))
        low = high
    return parts


def _run_rows(w: runs.Weights) -> int:
    return max(1, RUN_BYTES // (w.into.element_size() * (w.into.shape[1] + w.down.shape[2])))


def _combine(
    x_TD: Tensor, weight_TK: Tensor, slots: Slots, parts: Sequence[Part], keep: bool
) -> tuple[Tensor, list[Tensor]]:
    """y_TD, and what the backward pass needs: the rows' outputs and the hidden pre-activations of every
    part.
    """
    y_ND = _rows(x_TD, slots)
    kept = [y_ND]
    for part in parts:
        token_N, y = slots.token_N[part.low : part.high], y_ND[part.low : part.high]
        if part.weights is not None:
            h = runs.forward(part.weights, part.group.activation, part.runs, x_TD, token_N, y, keep)
            if h is not None:
                kept.append(h)
        elif part.group.kind == "zero":
            y.zero_()
        else:
            torch.index_select(x_TD, 0, token_N, out=y)
    if slots.dropped:
        weight_TK = weight_TK.masked_fill(slots.row_TK == slots.count, 0)
    return _bag(slots, y_ND, weight_TK), kept


def _rows(x_TD: Tensor, slots: Slots) -> Tensor:
    """Room for a row per slot that is computed, and a zero row for the dropped ones to point to."""
    rows_ND = x_TD.new_empty(slots.count + slots.dropped, x_TD.shape[1])
    if slots.dropped:
        rows_ND[slots.count] = 0
    return rows_ND


def _bag(slots: Slots, rows_ND: Tensor, weight_TK: Tensor | None) -> Tensor:
    """Gather, weigh and sum in one kernel: 5 to 30 times faster on a CPU than doing it in three."""
    if slots.row_TK.numel() == 0:
        return rows_ND.new_zeros(slots.row_TK.shape[0], rows_ND.shape[1])
    return F.embedding_bag(slots.row_TK, rows_ND, mode="sum", per_sample_weights=weight_TK)


class _Sparse(torch.autograd.Function):
    """Saves the rows' outputs and hidden pre-activations only; activations are recomputed, gradients of the
    parameters are written straight into stacked tensors."""

    @staticmethod
    def forward(
        ctx: Any,
        x_TD: Tensor,
        weight_TK: Tensor,
        expert_TK: Tensor,
        experts: int,
        groups: tuple[Group, ...],
        strategy: Strategy,
        *tensors: Tensor,
    ) -> Tensor:
        slots = sort_slots(expert_TK, experts)
        parts = _parts(groups, slots, strategy, tensors)
        y_TD, kept = _combine(x_TD, weight_TK, slots, parts, keep=True)
        ctx.save_for_backward(x_TD, weight_TK, *tensors, *kept)
        ctx.slots, ctx.groups, ctx.strategy = slots, groups, strategy
        return y_TD

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, dy_TD: Tensor) -> tuple[Tensor | None, ...]:
        slots: Slots = ctx.slots
        saved = ctx.saved_tensors
        x_TD, weight_TK = saved[:2]
        many = sum(g.tensors for g in ctx.groups)
        tensors, y_ND, hs = saved[2 : 2 + many], saved[2 + many], iter(saved[3 + many :])
        wants_x, wants_weight = ctx.needs_input_grad[:2]
        dy_TD = dy_TD.contiguous()
        dx_ND = _rows(x_TD, slots) if wants_x else None
        scale_N = weight_TK.reshape(-1).index_select(0, slots.order_N)
        grads: list[Tensor | None] = []
        wanted = iter(ctx.needs_input_grad[6:])
        for part in _parts(ctx.groups, slots, ctx.strategy, tensors):
            span = slice(part.low, part.high)
            dx = None if dx_ND is None else dx_ND[span]
            if part.weights is None:
                if dx is not None:
                    _free_backward(part.group, slots.token_N[span], scale_N[span], dy_TD, dx)
                continue
            wants = [next(wanted) for _ in range(part.group.tensors)]
            grad = runs.backward(
                part.weights,
                part.group.activation,
                part.runs,
                x_TD,
                slots.token_N[span],
                next(hs),
                scale_N[span],
                dy_TD,
                dx,
                any(wants),
            )
            made = (grad.into, grad.down, grad.into_bias, grad.down_bias) if grad else (None,) * 4
            grads += [g if want else None for g, want in zip(made, wants, strict=False)]
        dweight_TK = _weight_gradient(slots, y_ND, dy_TD) if wants_weight else None
        dx_TD = None if dx_ND is None else _bag(slots, dx_ND, None)
        return dx_TD, dweight_TK, None, None, None, None, *grads


def _free_backward(group: Group, token_N: Tensor, scale_N: Tensor, dy_TD: Tensor, dx_ND: Tensor) -> None:
    if group.kind == "zero":
        dx_ND.zero_()
    else:
        torch.index_select(dy_TD, 0, token_N, out=dx_ND).mul_(scale_N[:, None])


def _weight_gradient(slots: Slots, y_ND: Tensor, dy_TD: Tensor) -> Tensor:
    """<dy of the token, output of the expert> for every slot, without gathering either."""
    T, K = slots.row_TK.shape
    if T * K == 0:
        return y_ND.new_zeros(T, K)
    bag_S = torch.arange(T, device=y_ND.device).repeat_interleave(K)
    starts_T = torch.arange(0, T * K, K, device=y_ND.device)
    dweight_S: Tensor = torch.ops.aten._embedding_bag_per_sample_weights_backward(
        dy_TD, y_ND, slots.row_TK.reshape(-1), starts_T, bag_S, 0
    )
    return dweight_S.view(T, K)
