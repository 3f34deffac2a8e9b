"""Every token through its own experts only: sort the slots once, multiply expert by expert, combine once."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from core.model.execute.dispatch import BLOCK, Group, Sparse, combine, plan
from core.model.execute.hit import hit
from core.model.execute.products import ByNumpy, Grouped, Products, reaches
from core.model.execute.slots import Slots, sort_slots
from core.model.experts import ExpertBank, ExpertGroup, FreeExperts, StackedExperts

Batched = Literal["ragged", "grouped", "numpy"]
Strategy = Literal["hit"] | Batched
RUN_BYTES = 2**21  # of hidden activations per run
SINGLE = 2  # tokens at most that are decoded one by one


def choose(tokens: int, k: int, experts: int, numpy: bool) -> Batched:
    """The strategy expected to be fastest for `tokens` tokens with k of `experts` experts each.

    numpy: whether NumPy may multiply, see `suits_numpy`. Measured by benchmarks/moe_layer.py: NumPy's calls
    cost least; without it, up to about 80 rows per expert the shorter loop of grouped_mm wins, above that
    cache-sized runs.
    """
    if numpy:
        return "numpy"
    return "grouped" if tokens * k < 80 * experts else "ragged"


def suits_numpy(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether NumPy reaches the memory and has the type, and one thread is all that torch would use."""
    return reaches(device, dtype) and torch.get_num_threads() == 1


def sparse(
    bank: ExpertBank,
    x_TD: Tensor,
    expert_TK: Tensor,
    weight_TK: Tensor,
    strategy: Strategy | None = None,
    kept_TER: Tensor | None = None,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """y_TD = sum over k of weight_TK * expert[expert_TK](x_TD); gradients for x, the weights and all
    parameters.

    expert_TK: int64, -1 = not accepted or dropped: such a slot adds exactly 0 and gets gradient 0. A row
    names an expert at most once. kept_TER: the bank's pre-activations, where a score has computed them, for
    the groups that go on from there. strategy: `hit` (token by token, no gradients), `ragged` (expert by
    expert in cache-sized runs), `grouped` (torch's grouped_mm where it takes the type and widths, else
    ragged), `numpy` (as ragged, multiplied by NumPy on one thread where it has the type, else ragged), or
    None to let `choose` decide. dtype: of the matrix products, if not that of x; parameters and gradients
    keep theirs. The gradient cannot be differentiated again. Raises ValueError for an expert the bank does
    not have.
    """
    training = torch.is_grad_enabled() and (
        x_TD.requires_grad or weight_TK.requires_grad or any(p.requires_grad for p in bank.parameters())
    )
    tokens, k = expert_TK.shape
    dtype = dtype or x_TD.dtype
    if strategy is None and tokens <= SINGLE and not training:
        strategy = "hit"
    strategy = strategy or choose(tokens, k, bank.count, suits_numpy(x_TD.device, dtype))
    if strategy == "hit" and dtype == x_TD.dtype and reaches(x_TD.device, dtype):
        return hit(bank, x_TD, expert_TK, weight_TK, kept_TER)
    groups: list[Group] = []
    tensors: list[Tensor] = []
    unusual: list[tuple[int, ExpertGroup]] = []
    for first, group in zip(bank.starts, bank.members(), strict=True):
        if type(group) is StackedExperts:
            own = [t for t in group.tensors() if t is not None]
            groups.append(_stacked(first, group, own, strategy, dtype))
            tensors += own
        elif type(group) is FreeExperts:
            groups.append(Group(first, group.count, group.shape.kind))
        else:
            unusual.append((first, group))
    mine_TK = expert_TK
    for first, group in unusual:
        mine_TK = mine_TK.masked_fill((mine_TK >= first) & (mine_TK < first + group.count), -1)
    slots = sort_slots(mine_TK, bank.count, BLOCK if dtype == torch.bfloat16 else 1)
    if training:
        y_TD: Tensor = Sparse.apply(x_TD, weight_TK, slots, dtype, tuple(groups), *tensors)  # type: ignore[no-untyped-call]  # torch gives `apply` no types
    else:
        y_TD, _ = combine(x_TD, weight_TK, slots, plan(groups, slots), tensors, dtype, keep=False)
    if unusual:
        theirs = sort_slots(expert_TK, bank.count)
        for first, group in unusual:
            y_TD = y_TD + _plain(group, first, theirs, x_TD, weight_TK, kept_TER, dtype)
    return y_TD


def _stacked(
    first: int, group: StackedExperts, tensors: Sequence[Tensor], strategy: Strategy, dtype: torch.dtype
) -> Group:
    """The group, ragged where it is not of what the strategy takes."""
    into, shape = tensors[0], group.shape
    rows = max(1, RUN_BYTES // (dtype.itemsize * (into.shape[1] + shape.hidden)))
    products = Products
    if strategy == "numpy" and reaches(into.device, dtype):
        products = ByNumpy
    elif strategy == "grouped" and _groupable(into, shape.hidden, dtype):
        products = Grouped
    return Group(first, group.count, shape.kind, group.between, len(tensors), rows, products)


def _groupable(into_EHD: Tensor, hidden: int, dtype: torch.dtype) -> bool:
    """Whether grouped_mm takes the type, and rows that start at multiples of 16 bytes."""
    types = (torch.float32, torch.bfloat16) if into_EHD.device.type == "cpu" else (torch.bfloat16,)
    aligned = into_EHD.shape[2] * dtype.itemsize % 16 == 0 and hidden * dtype.itemsize % 16 == 0
    return aligned and dtype in types


def _plain(
    group: ExpertGroup,
    first: int,
    slots: Slots,
    x_TD: Tensor,
    weight_TK: Tensor,
    kept_TER: Tensor | None,
    dtype: torch.dtype,
) -> Tensor:
    """What an unusual group adds, by ordinary autograd; autocast where its products are to be narrower."""
    low = sum(slots.sizes[:first])
    sizes = slots.sizes[first : first + group.count]
    token_N = slots.token_N[low : low + sum(sizes)]
    weight_N = slots.by_row(weight_TK.reshape(-1))[low : low + sum(sizes), None]
    parts = []
    for e, (x_ND, token) in enumerate(
        zip(x_TD.index_select(0, token_N).split(sizes), token_N.split(sizes), strict=True)
    ):
        if len(token):
            kept_NR = None if kept_TER is None else kept_TER[token, first + e]
            with torch.autocast(x_TD.device.type, dtype, enabled=dtype != x_TD.dtype):
                parts.append(group.finished(x_ND, e, kept_NR))
    if not parts:
        return torch.zeros_like(x_TD)
    return torch.zeros_like(x_TD).index_add(0, token_N, torch.cat(parts).to(x_TD.dtype) * weight_N)
