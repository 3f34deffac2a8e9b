"""Which way to run a bank is fastest on this machine, found by timing throw-away passes; once per shape."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from core.model.execute.sparse import Batched, Strategy, choose, compiles, sparse
from core.model.experts import ExpertBank, GroupShape, StackedExperts

#: Seconds of timing a shape may take, beyond five rounds.
PATIENCE = 0.05
#: What replaces the usual choice must be this much faster: less is lost in the noise of a shared machine.
CLEARLY = 1.05
#: bfloat16 changes the arithmetic, so it must pay.
WORTH_BFLOAT16 = 1.15
ROUNDS = 5


class Shape(NamedTuple):
    """What the time of a training pass depends on: T tokens, K slots of each, the groups in order, D."""

    tokens: int
    k: int
    groups: tuple[GroupShape, ...]
    width: int
    threads: int


def shape_of(bank: ExpertBank, tokens: int, k: int) -> Shape | None:
    """The shape of a bank's pass with the present number of threads; groups that only plain autograd runs are
    left out. None where nothing is left to choose.
    """
    groups = tuple(group.shape for group in bank.members() if type(group) is StackedExperts)
    if not groups or not tokens or not k:
        return None
    experts = sum(group.count for group in groups)
    return Shape(tokens, min(k, experts), groups, bank.width, torch.get_num_threads())


@lru_cache(maxsize=256)
def fastest(shape: Shape) -> Batched:
    """The way to train a float32 bank: what `choose` says unless another is clearly faster. NumPy is asked
    only where torch has one thread.
    """
    experts = sum(group.count for group in shape.groups)
    usual = choose(shape.tokens, shape.k, experts, shape.threads)
    ways: list[Batched] = ["ragged", "grouped"]
    ways += ["numpy"] if shape.threads == 1 else []
    ways += ["compiled"] if compiles(shape.threads) else []
    seconds = dict(zip(ways, _timed(shape, [(way, torch.float32) for way in ways]), strict=True))
    best = min(ways, key=seconds.__getitem__)
    return best if seconds[usual] > CLEARLY * seconds[best] else usual


@lru_cache(maxsize=256)
def bfloat16_pays(shape: Shape) -> bool:
    """Whether this processor trains the bank clearly faster with matrix products in bfloat16."""
    if not _products_faster():
        return False
    way = fastest(shape)
    exact_s, low_s = _timed(shape, [(way, torch.float32), (way, torch.bfloat16)])
    return exact_s > WORTH_BFLOAT16 * low_s


@lru_cache(maxsize=1)
def _products_faster() -> bool:
    """A single product: without the instructions for it bfloat16 is many times slower, not worth a pass."""
    a = torch.ones(256, 256)
    low = a.bfloat16()
    exact_s, low_s = _least([lambda: torch.mm(a, a), lambda: torch.mm(low, low)])
    return exact_s > WORTH_BFLOAT16 * low_s


def _timed(shape: Shape, ways: Sequence[tuple[Strategy, torch.dtype]]) -> list[float]:
    """Seconds of a forward and backward pass in each way, over tokens that are routed evenly."""
    random = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        bank = ExpertBank(shape.width, shape.groups)
    x_TD = torch.randn(shape.tokens, shape.width, generator=random, requires_grad=True)
    weight_TK = torch.rand(shape.tokens, shape.k, generator=random, requires_grad=True)
    expert_TK = torch.rand(shape.tokens, bank.count, generator=random).argsort(1)[:, : shape.k]
    dy_TD = torch.randn(shape.tokens, shape.width, generator=random)

    def work(strategy: Strategy, dtype: torch.dtype) -> Callable[[], object]:
        leaves: list[Tensor] = [x_TD, weight_TK, *bank.parameters()]
        return lambda: torch.autograd.grad(
            sparse(bank, x_TD, expert_TK, weight_TK, strategy, dtype=dtype), leaves, dy_TD, allow_unused=True
        )

    return _least([work(strategy, dtype) for strategy, dtype in ways])


def _least(works: Sequence[Callable[[], object]]) -> list[float]:
    """Least seconds of each, in turns after a first one that is not counted: what others do with the caches
    meanwhile only adds.
    """
    # One thread's work is not charged for what others do with its core meanwhile.
    clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
    seconds: list[list[float]] = [[] for _ in works]
    for work in works:
        work()
    until = time.perf_counter() + PATIENCE
    while len(seconds[0]) < ROUNDS or time.perf_counter() < until:
        for work, times in zip(works, seconds, strict=True):
            start = clock()
            work()
            times.append(clock() - start)
    return [min(times) for times in seconds]
