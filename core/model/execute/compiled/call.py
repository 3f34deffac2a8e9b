"""A call of the C program for groups of a bank: what it must know, by address."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor

from core.model.execute.compiled.library import library
from core.model.execute.hidden import Hidden
from core.model.execute.products import one_thread
from core.model.execute.slots import Slots

#: In the order of PAIRS in experts.c.
ACTIVATIONS = ("silu", "gelu", "gelu_tanh", "relu", "relu2")
RUN_BYTES = 2**21  # of hidden activations per run


@dataclass(frozen=True, slots=True)
class CompiledGroup:
    """`count` experts from `first` on, which have two tensors: into [E, 2H or H, D] and down [E, D, H]."""

    first: int
    count: int
    hidden: Hidden


class GroupMemory(ctypes.Structure):
    """`Group` of experts.c."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("first", "E", "H", "W", "R", "start", "activation", "gated")),
        *((name, ctypes.c_void_p) for name in ("into_EWD", "down_EDH")),
    )

    @classmethod
    def of(
        cls, group: CompiledGroup, into: Tensor, down: Tensor, rows: int = 1, start: int = 0
    ) -> GroupMemory:
        """Holds addresses only: the tensors must be kept meanwhile. rows: most of a run."""
        H, gated = down.shape[2], group.hidden.gated
        return cls(
            group.first, group.count, H, 2 * H if gated else H, rows, start,
            ACTIVATIONS.index(group.hidden.activation), gated, into.data_ptr(), down.data_ptr(),
        )  # fmt: skip


class _Bank(ctypes.Structure):
    """As in experts.c."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("gemm", "parallel", "groups", "x_TD")),
        *((name, ctypes.c_int64) for name in ("threads", "T", "D", "N", "E", "room")),
        *((name, ctypes.c_void_p) for name in ("start_E", "order_E", "token_N")),
    )


class Call:
    """Groups in the order of their experts, and the tokens. tensors: two of each group. slots: every row of
    theirs is one of these groups'.

    hidden: how many pre-activations all rows have together.
    """

    def __init__(
        self, groups: Sequence[CompiledGroup], x_TD: Tensor, tensors: Sequence[Tensor], slots: Slots
    ) -> None:
        made = library()
        assert made is not None
        one_thread()
        (T, D), room, self.hidden = x_TD.shape, 0, 0
        # The structures hold addresses only; what stands there is kept here, or by whoever calls.
        self.library, self.x_TD, self.groups = made, x_TD, (GroupMemory * len(groups))()
        work_E: dict[int, int] = {}
        for i, (group, into, down) in enumerate(zip(groups, tensors[::2], tensors[1::2], strict=True)):
            H, W = down.shape[2], into.shape[1]
            sizes = slots.sizes[group.first : group.first + group.count]
            R = min(max(1, RUN_BYTES // (4 * (W + H))), max(sizes))
            self.groups[i] = GroupMemory.of(group, into, down, R, self.hidden)
            self.hidden += sum(sizes) * W
            work_E |= {group.first + e: rows * (W + H) for e, rows in enumerate(sizes)}
            # What `backward_of` takes, which is more than what `forward_of` does.
            room = max(room, R * (3 * D + 2 * H + W))
        self.floats = room
        self.bank = _Bank(
            made.product, made.parallel, ctypes.addressof(self.groups), x_TD.data_ptr(), 1, T, D, 0, 0, room
        )
        self._sort(slots, work_E)

    def _sort(self, slots: Slots, work_E: dict[int, int]) -> None:
        """Tells of sorted rows, and of the threads. work_E: what each expert of the groups has to do."""
        bank, order = self.bank, list(work_E)
        bank.N, bank.E = len(slots.token_N), len(order)
        if bank.parallel and sum(map(bool, work_E.values())) > 1:
            bank.threads = torch.get_num_threads()
        if bank.threads > 1:
            self.floats = min(bank.threads, bank.E) * bank.room + bank.N * bank.D
            # The largest first: none is to be begun when the others are done.
            order.sort(key=work_E.__getitem__, reverse=True)
        start_E = np.array([0, *accumulate(slots.sizes)], np.int64)
        order_E = np.array(order, np.int64)
        self.kept = start_E, order_E, slots.token_N
        bank.start_E, bank.order_E, bank.token_N = (
            start_E.ctypes.data, order_E.ctypes.data, slots.token_N.data_ptr(),
        )  # fmt: skip

    def room(self) -> Tensor:
        """Memory, as `run` in experts.c wants it."""
        return self.x_TD.new_empty(self.floats)

    def run(self, name: str, *arguments: Tensor | Addresses | int | None) -> None:
        """Calls the function of the C program; a tensor is given by its address."""
        given = (value.data_ptr() if isinstance(value, Tensor) else value for value in arguments)
        getattr(self.library, name)(ctypes.byref(self.bank), *given)


Addresses = ctypes.Array[ctypes.c_void_p]


def addresses(tensors: Sequence[Tensor | None]) -> Addresses:
    """Where each is, NULL for None. They must be kept meanwhile."""
    return (ctypes.c_void_p * len(tensors))(*(None if t is None else t.data_ptr() for t in tensors))
