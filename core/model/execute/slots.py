"""Slots (token, k-th choice) sorted by expert, so that every expert's rows lie together."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Slots:
    """order_N: the slots t*K + k in the order of their experts, dropped ones left out. token_N: their tokens.
    row_S: where each slot went; dropped slots point to row N, which callers keep at zero.
    start_T: each token's first slot. sizes: rows of every expert. dropped: whether any slot is."""

    order_N: Tensor
    token_N: Tensor
    row_S: Tensor
    start_T: Tensor
    sizes: list[int]
    dropped: bool

    @property
    def count(self) -> int:
        """N."""
        return self.order_N.shape[0]


def no_expert(low: int, high: int, experts: int) -> ValueError:
    """What to say when indices from `low` to `high` are not all experts of a bank, or -1 for none."""
    return ValueError(
        f"A token is routed to expert {low if low < -1 else high}, but the bank has experts 0 to"
        f" {experts - 1}. To fix this, route to existing experts, or to -1 for none."
    )


def sort_slots(expert_TK: Tensor, experts: int) -> Slots:
    """Sorts the slots of expert_TK (int64, -1 = dropped) by expert; stable, so rows of one expert keep
    token order. Raises ValueError for an expert the bank does not have.
    """
    flat_S = expert_TK.detach().cpu().numpy().reshape(-1)
    # Before the indices are narrowed: 256 would become 0.
    low, high = int(flat_S.min(initial=0)), int(flat_S.max(initial=0))
    if low < -1 or high >= experts:
        raise no_expert(low, high, experts)
    # NumPy sorts 8- and 16-bit integers by radix, several times faster than torch.argsort; -1 wraps to the
    # largest key.
    narrow = np.uint8 if experts <= 255 else np.uint16
    key_S = flat_S.astype(narrow)
    order_S = key_S.argsort(kind="stable")
    counts = np.bincount(key_S, minlength=experts).tolist()
    sizes, live = counts[:experts], sum(counts[:experts])
    row_S = np.empty_like(order_S)
    row_S[order_S] = np.arange(len(order_S))
    dropped = live < len(order_S)
    if dropped:
        np.minimum(row_S, live, out=row_S)
        order_S = order_S[:live]
    tokens, k = expert_TK.shape
    device = expert_TK.device
    order_N = torch.from_numpy(order_S).to(device)
    token_N = torch.from_numpy(order_S // max(k, 1)).to(device)
    start_T = torch.arange(0, tokens * k, k, device=device) if k else order_N.new_zeros(tokens)
    return Slots(order_N, token_N, torch.from_numpy(row_S).to(device), start_T, sizes, dropped)
