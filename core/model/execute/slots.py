"""Slots (token, k-th choice) sorted by expert, so that every expert's rows lie together."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Slots:
    """S = T*K slots, of which L name an expert; N >= L rows, more where segments are padded.

    live_L: the slots t*K + k that name an expert, None if all do. token_N: the token of every row, in the
    order of the experts; 0 for padding. row_L: the row of each live slot. start_T: where each token's slots
    start among those. sizes: rows of every expert, padding included.
    """

    live_L: Tensor | None
    token_N: Tensor
    row_L: Tensor
    start_T: Tensor
    sizes: list[int]

    def of_live(self, value_S: Tensor) -> Tensor:
        """Values of slots [L] without those that name no expert."""
        return value_S if self.live_L is None else value_S.index_select(0, self.live_L)

    def of_all(self, value_L: Tensor, missing: int, slots: int) -> Tensor:
        """Values of all slots [S], `missing` where a slot names no expert."""
        if self.live_L is None:
            return value_L
        return value_L.new_full((slots,), missing).index_copy_(0, self.live_L, value_L)

    def by_row(self, value_S: Tensor) -> Tensor:
        """Values of slots in the order of the rows [N], 0 for padding; differentiable."""
        return value_S.new_zeros(self.token_N.shape[0]).index_copy_(0, self.row_L, self.of_live(value_S))

    def by_slot(self, value_N: Tensor, slots: int) -> Tensor:
        """Values of rows in the order of all slots [S], 0 where a slot names no expert."""
        return self.of_all(value_N.index_select(0, self.row_L), 0, slots)


def no_expert(low: int, high: int, experts: int) -> ValueError:
    """What to say when indices from `low` to `high` are not all experts of a bank, or -1 for none."""
    return ValueError(
        f"A token is routed to expert {low if low < -1 else high}, but the bank has experts 0 to"
        f" {experts - 1}. To fix this, route to existing experts, or to -1 for none."
    )


def sort_slots(expert_TK: Tensor, experts: int, block: int = 1) -> Slots:
    """Sorts the slots of expert_TK (int64, -1 = none) by expert; stable, so rows of one expert keep token
    order. block: every expert's rows are padded to a multiple of it.

    Raises ValueError for an expert the bank does not have.
    """
    tokens, k = expert_TK.shape
    flat = expert_TK.detach().cpu().numpy().reshape(-1)
    # Before the indices are narrowed: 256 would become 0.
    low, high = int(flat.min(initial=0)), int(flat.max(initial=0))
    if low < -1 or high >= experts:
        raise no_expert(low, high, experts)
    token, start_T = _unsorted(tokens, k, expert_TK.device)
    live_L = None
    if low < 0:
        named = flat >= 0
        live = named.nonzero()[0]
        flat, token = flat[live], token[live]
        per_token = named.reshape(tokens, k).sum(1)
        live_L, start_T = _put(expert_TK.device, live, per_token.cumsum() - per_token)
    # NumPy sorts 8- and 16-bit integers by radix, several times faster than torch.argsort.
    key = flat.astype(np.uint8 if experts <= 256 else np.uint16)
    order = key.argsort(kind="stable")
    sizes = np.bincount(key, minlength=experts)
    row, rows_token = np.empty_like(order), token[order]
    if block == 1:
        row[order] = np.arange(len(order))
    else:
        padded = -(-sizes // block) * block
        shift = (padded.cumsum() - padded) - (sizes.cumsum() - sizes)
        sorted_row = np.arange(len(order)) + shift[key[order]]
        row[order] = sorted_row
        rows_token = np.zeros(int(padded.sum()), np.int64)
        rows_token[sorted_row] = token[order]
        sizes = padded
    token_N, row_L = _put(expert_TK.device, rows_token, row)
    return Slots(live_L, token_N, row_L, start_T, sizes.tolist())


@lru_cache(maxsize=16)
def _unsorted(tokens: int, k: int, device: torch.device) -> tuple[Integers, Tensor]:
    """The token of every slot, and each token's first slot. Equal in every step, so they are kept."""
    (start_T,) = _put(device, np.arange(tokens) * k)
    return np.repeat(np.arange(tokens), k), start_T


def _put(device: torch.device, *arrays: Integers) -> list[Tensor]:
    tensors = [torch.from_numpy(array) for array in arrays]
    return tensors if device.type == "cpu" else [tensor.to(device) for tensor in tensors]
