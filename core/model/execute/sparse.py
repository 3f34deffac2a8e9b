"""Every token through its own experts only: sort the slots once, multiply expert by expert, combine once."""

import functools
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from core.model.execute.compiled.call import RUN_BYTES, CompiledGroup
from core.model.execute.compiled.experts import Compiled, run, takes
from core.model.execute.compiled.library import library
from core.model.execute.dispatch import BLOCK, Group, Sparse, combine, plan
from core.model.execute.hit import hit
from core.model.execute.products import ByNumpy, Grouped, Products, reaches
from core.model.execute.slots import Slots, sort_slots
from core.model.experts import ExpertBank, ExpertGroup, FreeExperts, StackedExperts

Batched = Literal["ragged", "grouped", "numpy", "compiled"]
Strategy = Literal["hit"] | Batched


def choose(tokens: int, k: int, experts: int, threads: int | None) -> Batched:
    """The strategy expected to be fastest for `tokens` tokens with k of `experts` experts each, measured by
    benchmarks/moe_layer.py.

    threads: how many torch uses, None where NumPy and C do not have the type or do not reach the memory. The
    C program is fastest if every thread gets an expert.
    """
    if threads is not None and threads <= experts and compiles(threads):
        return "compiled"
    return choose_without_c(tokens, k, experts, threads)


def choose_without_c(tokens: int, k: int, experts: int, threads: int | None) -> Batched:
    """As `choose`. NumPy's calls cost less than torch's, but NumPy has one thread; with more, up to about 80
    rows per expert the shorter loop of grouped_mm wins, above that cache-sized runs.
    """
    if threads == 1:
        return "numpy"
    return "grouped" if tokens * k < 80 * experts else "ragged"


def compiles(threads: int) -> bool:
    """Whether this machine has the C program for so many threads."""
    made = library()
    return made is not None and (threads == 1 or made.parallel != 0)


def singly(tokens: int) -> bool:
    """Whether so few tokens are decoded one by one: measured, and fewer where NumPy has to do it."""
    return tokens <= (2 if library() is None else 4)


def threads_on(device: torch.device, dtype: torch.dtype) -> int | None:
    """For `choose`."""
    return torch.get_num_threads() if reaches(device, dtype) else None


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
    ragged), `numpy` (as ragged, multiplied by NumPy on one thread where it has the type, else ragged),
    `compiled` (in C where `takes` says so, else as `choose_without_c` says), or None to let `choose` decide.
    dtype: of the matrix products, if not that of x; parameters and gradients keep theirs. The gradient cannot
    be differentiated again. Raises ValueError for an expert the bank does not have, and for shapes, types and
    devices that do not go together.
    """
    _check(bank, x_TD, expert_TK, weight_TK)
    training = torch.is_grad_enabled() and (
        x_TD.requires_grad or weight_TK.requires_grad or any(p.requires_grad for p in bank.parameters())
    )
    tokens, k = expert_TK.shape
    dtype = dtype or x_TD.dtype
    if strategy is None and singly(tokens) and not training:
        strategy = "hit"
    if strategy == "hit" and dtype == x_TD.dtype and reaches(x_TD.device, dtype):
        return hit(bank, x_TD, expert_TK, weight_TK, kept_TER)
    threads = threads_on(x_TD.device, dtype)
    # Only those that multiply give a thread something to do.
    experts = sum(group.count for group in bank.members() if type(group) is StackedExperts)
    k = min(k, experts)
    strategy = strategy or choose(tokens, k, experts, threads)
    banked = _kinds(bank, strategy, x_TD, dtype)
    shares = []
    if banked.compiled:
        slots = sort_slots(_without(expert_TK, banked.stacked + banked.own), bank.count)
        shares.append(_compiled(x_TD, weight_TK, slots, banked.compiled, training))
    if banked.stacked:
        if strategy == "compiled":
            strategy = choose_without_c(tokens, k, experts, threads)
        block = BLOCK if dtype == torch.bfloat16 else 1
        slots = sort_slots(_without(expert_TK, banked.compiled + banked.own), bank.count, block)
        groups = tuple(_stacked(first, group, strategy, dtype) for first, group in banked.stacked)
        tensors = _tensors(banked.stacked)
        if training:
            shares.append(Sparse.apply(x_TD, weight_TK, slots, dtype, groups, *tensors))  # type: ignore[no-untyped-call]  # torch gives `apply` no types
        else:
            parts = plan(groups, slots)
            shares.append(combine(x_TD, weight_TK, slots, parts, tensors, dtype, keep=False)[0])
    if banked.own:
        slots = sort_slots(expert_TK, bank.count)
        for first, group in banked.own:
            shares.append(_plain(group, first, slots, x_TD, weight_TK, kept_TER, dtype))
    return functools.reduce(torch.add, shares)


def _check(bank: ExpertBank, x_TD: Tensor, expert_TK: Tensor, weight_TK: Tensor) -> None:
    """C is given addresses only and would read whatever lies there."""
    tokens, k = expert_TK.shape
    if x_TD.shape != (tokens, bank.width) or weight_TK.shape != (tokens, k):
        raise ValueError(
            f"Tokens {tuple(x_TD.shape)}, experts {tuple(expert_TK.shape)} and weights"
            f" {tuple(weight_TK.shape)} do not go together in a bank of width {bank.width}."
            f" To fix this, give [T, {bank.width}], [T, K] and [T, K]."
        )
    if expert_TK.dtype != torch.int64 or weight_TK.dtype != x_TD.dtype:
        raise ValueError(
            f"Experts are {expert_TK.dtype}, weights {weight_TK.dtype}, tokens {x_TD.dtype}."
            " To fix this, give experts as torch.int64, and weights of the type of the tokens."
        )
    if not x_TD.device == expert_TK.device == weight_TK.device:
        raise ValueError(
            f"Tokens are on {x_TD.device}, experts on {expert_TK.device}, weights on {weight_TK.device}."
            " To fix this, move them to one device."
        )


Members = list[tuple[int, ExpertGroup]]


class _Kinds(NamedTuple):
    """A bank's groups by what runs them, each with its first expert."""

    compiled: Members
    stacked: Members
    own: Members


def _kinds(bank: ExpertBank, strategy: Strategy, x_TD: Tensor, dtype: torch.dtype) -> _Kinds:
    """dtype: of the products."""
    kinds = _Kinds([], [], [])
    in_c = strategy == "compiled" and x_TD.device.type == "cpu" and x_TD.dtype == dtype
    for member in zip(bank.starts, bank.members(), strict=True):
        group = member[1]
        if type(group) not in (StackedExperts, FreeExperts):
            kinds.own.append(member)
        elif in_c and type(group) is StackedExperts and takes(group.between, _tensors([member]), dtype):
            kinds.compiled.append(member)
        else:
            kinds.stacked.append(member)
    return kinds


def _tensors(members: Members) -> list[Tensor]:
    return [t for _, group in members for t in group.tensors() if t is not None]


def _without(expert_TK: Tensor, others: Members) -> Tensor:
    """The slots, -1 where their expert is one of the `others`."""
    for first, group in others:
        expert_TK = expert_TK.masked_fill((expert_TK >= first) & (expert_TK < first + group.count), -1)
    return expert_TK


def _compiled(x_TD: Tensor, weight_TK: Tensor, slots: Slots, members: Members, training: bool) -> Tensor:
    groups = tuple(
        CompiledGroup(first, group.count, group.between)
        for first, group in members
        if type(group) is StackedExperts
    )
    tensors = _tensors(members)
    if training:
        y_TD: Tensor = Compiled.apply(x_TD, weight_TK, slots, groups, *tensors)  # type: ignore[no-untyped-call]  # torch gives `apply` no types
        return y_TD
    scale_N = slots.by_row(weight_TK.reshape(-1))
    return run(x_TD, scale_N, slots, groups, tensors, keep=False)[0]


def _stacked(first: int, group: ExpertGroup, strategy: Strategy, dtype: torch.dtype) -> Group:
    """The group, ragged where it is not of what the strategy takes."""
    if isinstance(group, FreeExperts):
        return Group(first, group.count, group.shape.kind)
    assert isinstance(group, StackedExperts)
    tensors, shape = _tensors([(first, group)]), group.shape
    into = tensors[0]
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
