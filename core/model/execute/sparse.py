"""Every token through its own experts only: sort the slots once, multiply expert by expert, combine once."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from core.model.execute.dispatch import Group, Sparse, combine, plan
from core.model.execute.hit import hit
from core.model.execute.slots import sort_slots
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


def sparse(
    bank: ExpertBank,
    x_TD: Tensor,
    expert_TK: Tensor,
    weight_TK: Tensor,
    strategy: Strategy | None = None,
    kept_TER: Tensor | None = None,
) -> Tensor:
    """y_TD = sum over k of weight_TK * expert[expert_TK](x_TD); gradients for x, the weights and all
    parameters.

    expert_TK: int64, -1 = not accepted or dropped: such a slot adds exactly 0 and gets gradient 0. A row
    names an expert at most once. kept_TER: the bank's pre-activations, where a score has computed them, for
    the groups that go on from there. strategy: `hit` (token by token, no gradients), `ragged` (expert by expert
    in cache-sized runs), `grouped` (torch's grouped_mm where it takes the type and widths, else ragged), or
    None to let `choose` decide. The gradient cannot be differentiated again. Raises ValueError for an expert
    the bank does not have.
    """
    training = torch.is_grad_enabled() and (
        x_TD.requires_grad or weight_TK.requires_grad or any(p.requires_grad for p in bank.parameters())
    )
    tokens, k = expert_TK.shape
    strategy = strategy or choose(tokens, k, bank.count, training)
    if strategy == "hit":
        return hit(bank, x_TD, expert_TK, weight_TK, kept_TER)
    groups: list[Group] = []
    tensors: list[Tensor] = []
    unusual: list[tuple[int, ExpertGroup]] = []
    mine_TK = expert_TK
    for first, group in zip(bank.starts, bank.members(), strict=True):
        if not _native(group):
            unusual.append((first, group))
            mine_TK = torch.where((mine_TK >= first) & (mine_TK < first + group.count), -1, mine_TK)
        elif isinstance(group, StackedExperts):
            own = [t for t in group.tensors() if t is not None]
            groups.append(_stacked(first, group, own, strategy))
            tensors += own
        elif isinstance(group, FreeExperts):
            groups.append(Group(first, group.count, group.shape.kind, "", 0, 0, False))
    if training:
        y_TD: Tensor = Sparse.apply(x_TD, weight_TK, mine_TK, bank.count, tuple(groups), *tensors)  # type: ignore[no-untyped-call]
    else:
        slots = sort_slots(mine_TK, bank.count)
        y_TD, _ = combine(x_TD, weight_TK, slots, plan(groups, slots), tensors, keep=False)
    for first, group in unusual:
        y_TD = y_TD + _plain(group, first, x_TD, expert_TK, weight_TK, kept_TER)
    return y_TD


def _native(group: ExpertGroup) -> bool:
    return type(group) is FreeExperts or (type(group) is StackedExperts and group.shape.limit is None)


def _stacked(first: int, group: StackedExperts, tensors: Sequence[Tensor], strategy: Strategy) -> Group:
    """grouped_mm wants float32 or bfloat16 and rows that start at multiples of 16 bytes; else the group is
    ragged.
    """
    into, shape = tensors[0], group.shape
    size = into.element_size()
    aligned = into.shape[2] * size % 16 == 0 and shape.hidden * size % 16 == 0
    types = (torch.float32, torch.bfloat16) if into.device.type == "cpu" else (torch.bfloat16,)
    grouped = strategy == "grouped" and aligned and into.dtype in types
    rows = max(1, RUN_BYTES // (size * (into.shape[1] + shape.hidden)))
    return Group(first, group.count, shape.kind, shape.activation, len(tensors), rows, grouped)


def _plain(
    group: ExpertGroup,
    first: int,
    x_TD: Tensor,
    expert_TK: Tensor,
    weight_TK: Tensor,
    kept_TER: Tensor | None,
) -> Tensor:
    """What an unusual group adds, by ordinary autograd."""
    y_TD = torch.zeros_like(x_TD)
    for e in range(group.count):
        token_N, choice_N = (expert_TK == first + e).nonzero(as_tuple=True)
        if len(token_N):
            kept_NR = None if kept_TER is None else kept_TER[token_N, first + e]
            out_ND = group.finished(x_TD.index_select(0, token_N), e, kept_NR)
            out_ND = out_ND * weight_TK[token_N, choice_N, None]
            y_TD = y_TD.index_add(0, token_N, out_ND)
    return y_TD
