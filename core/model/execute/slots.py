"""Slots (token, k-th choice) sorted by expert, so that every expert's rows lie together."""
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Slots:
    """order_N: the slots t*K + k in the order of their experts, dropped ones left out. token_N: their tokens.
    row_TK: where each slot went; dropped slots point to row N, which callers keep at zero.
    sizes: rows of every expert. dropped: whether any slot is."""

    order_N: Tensor
    token_N: Tensor
    row_TK: Tensor
    sizes: list[int]
    dropped: bool

    @property
    def count(self) -> int:
        """N."""
        return self.order_N.shape[0]


def sort_slots(expert_TK: Tensor, experts: int) -> Slots:
    """Sorts the slots of expert_TK (int64, -1 = dropped) by expert; stable, so rows of one expert keep token order."""
    K = expert_TK.shape[1]
    flat_S = expert_TK.detach().reshape(-1).cpu().numpy()
    if flat_S.size and flat_S.max() >= experts:
        raise ValueError(f"A token is routed to expert {flat_S.max()}, but the bank has experts 0 to {experts - 1}. "
                         "To fix this, route to existing experts, or -1 for none.")
    # NumPy sorts 8- and 16-bit integers by radix, several times faster than torch.argsort; -1 wraps to the largest key.
    key_S = flat_S.astype(np.uint8 if experts <= 255 else np.uint16)
    order_S = np.argsort(key_S, kind="stable")
    sizes = np.bincount(key_S, minlength=experts)[:experts]
    live = int(sizes.sum())
    row_S = np.empty_like(order_S)
    row_S[order_S] = np.arange(order_S.size)
    dropped = live < order_S.size
    if dropped:
        np.minimum(row_S, live, out=row_S)
        order_S = order_S[:live]
    device = expert_TK.device
    order, token, row = (torch.from_numpy(a).to(device) for a in (order_S, order_S // max(K, 1), row_S))
    return Slots(order, token, row.view(expert_TK.shape), sizes.tolist(), dropped)
