"""One token at a time: no sort, a matrix-vector product per expert it is routed to. For decoding, without
gradients.

By NumPy: its products of a matrix and a vector cost a third to a half less than torch's, and a call a
fraction.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.model.execute.hidden import Hidden
from core.model.execute.slots import no_expert
from core.model.experts import ExpertBank, ExpertGroup, FreeExperts, StackedExperts

Floats = npt.NDArray[np.floating]


def hit(
    bank: ExpertBank,
    x_TD: Tensor,
    expert_TK: Tensor,
    weight_TK: Tensor,
    kept_TER: Tensor | None = None,
) -> Tensor:
    """The same sum as `sparse`, token by token. Not differentiable. Raises ValueError as it does."""
    x_TD, weight_TK = x_TD.detach(), weight_TK.detach()
    y_TD = torch.zeros_like(x_TD)
    chosen_TK = expert_TK.tolist()
    for experts in chosen_TK:
        if experts and (max(experts) >= bank.count or min(experts) < -1):
            raise no_expert(min(experts), max(experts), bank.count)
    for first, group in zip(bank.starts, bank.members(), strict=True):
        if isinstance(group, FreeExperts) and group.shape.kind == "zero":
            continue
        numpy = _Stacked(group) if type(group) is StackedExperts else None
        for t, (experts, weights) in enumerate(zip(chosen_TK, weight_TK.tolist(), strict=True)):
            chosen = [
                (e - first, w) for e, w in zip(experts, weights, strict=True) if 0 <= e - first < group.count
            ]
            if numpy is not None and chosen:
                numpy.add(x_TD[t], chosen, y_TD[t])
            elif chosen:
                kept_ER = None if kept_TER is None else kept_TER[t, first : first + group.count]
                _add(group, x_TD[t], chosen, y_TD[t], kept_ER)
    return y_TD


class _Stacked:
    """The memory of a group's tensors as NumPy sees it."""

    def __init__(self, group: StackedExperts) -> None:
        arrays = [None if t is None else t.detach().numpy() for t in group.tensors()]
        into, down, self.into_bias, self.down_bias = arrays
        assert into is not None
        assert down is not None
        self.into, self.down = into, down
        self.hidden = Hidden(group.gated, group.shape.activation, group.shape.alpha, group.shape.limit)

    def add(self, x_D: Tensor, chosen: list[tuple[int, float]], y_D: Tensor) -> None:
        """Adds the weighted outputs of the `chosen` (expert, weight) for one token to y_D."""
        h_KH = x_D.new_empty(len(chosen), self.into.shape[1])
        x, y, h = x_D.numpy(), y_D.numpy(), h_KH.numpy()
        for i, (e, _) in enumerate(chosen):
            np.dot(self.into[e], x, out=h[i])
            if self.into_bias is not None:
                h[i] += self.into_bias[e]
        a_KH = x_D.new_empty(len(chosen), self.down.shape[2])
        a = self.hidden.forward(h_KH, a_KH, a_KH).numpy()
        a *= np.array([[weight] for _, weight in chosen], a.dtype)
        for i, (e, weight) in enumerate(chosen):
            y += np.dot(self.down[e], a[i])
            if self.down_bias is not None:
                y += weight * self.down_bias[e]


def _add(
    group: ExpertGroup, x_D: Tensor, chosen: list[tuple[int, float]], y_D: Tensor, kept_ER: Tensor | None
) -> None:
    """The same for a group of any kind."""
    for e, weight in chosen:
        kept_NR = None if kept_ER is None else kept_ER[e, None]
        y_D.add_(group.finished(x_D[None], e, kept_NR)[0], alpha=weight)
