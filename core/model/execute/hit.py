"""One token at a time: no sort, a matrix-vector product per expert it is routed to. For decoding, without
gradients.

In C where `takes` says so, else by NumPy: its products of a matrix and a vector cost a third to a half less
than torch's, and a call a fraction.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.model.execute.compiled.call import CompiledGroup
from core.model.execute.compiled.experts import add_hit, takes
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
    x_TD = x_TD.detach().contiguous()
    y_TD = torch.zeros_like(x_TD)
    x, y = x_TD.numpy(), y_TD.numpy()
    routes = list(zip(expert_TK.tolist(), weight_TK.tolist(), strict=True))
    for experts, _ in routes:
        if experts and (max(experts) >= bank.count or min(experts) < -1):
            raise no_expert(min(experts), max(experts), bank.count)
    for first, group in zip(bank.starts, bank.members(), strict=True):
        if isinstance(group, FreeExperts) and group.shape.kind == "zero":
            continue
        if type(group) is StackedExperts:
            tensors = [parameter for parameter in group.tensors() if parameter is not None]
            if takes(group.between, tensors, x_TD.dtype):
                part = CompiledGroup(first, group.count, group.between)
                add_hit(part, x_TD, expert_TK.contiguous(), weight_TK.contiguous(), tensors, y_TD)
                continue
        stacked = _Stacked(group) if type(group) is StackedExperts else None
        for t, (experts, weights) in enumerate(routes):
            chosen = [
                (e - first, w) for e, w in zip(experts, weights, strict=True) if 0 <= e - first < group.count
            ]
            if stacked is not None and chosen:
                stacked.add(x[t], chosen, y[t])
            elif chosen:
                kept_ER = None if kept_TER is None else kept_TER[t, first : first + group.count]
                _add(group, x_TD[t], chosen, y[t], kept_ER)
    return y_TD


class _Stacked:
    """The memory of a group's tensors as NumPy sees it."""

    def __init__(self, group: StackedExperts) -> None:
        into, down, into_bias, down_bias = group.tensors()
        self.into, self.down = into.detach().numpy(), down.detach().numpy()
        self.into_bias = None if into_bias is None else into_bias.detach().numpy()
        self.down_bias = None if down_bias is None else down_bias.detach().numpy()
        self.hidden = group.between

    def add(self, x_D: Floats, chosen: list[tuple[int, float]], y_D: Floats) -> None:
        """Adds the weighted outputs of the `chosen` (expert, weight) for one token to y_D."""
        h_KH = np.empty((len(chosen), self.into.shape[1]), x_D.dtype)
        a_KH = np.empty((len(chosen), self.down.shape[2]), x_D.dtype)
        for (e, _), h_H in zip(chosen, h_KH, strict=True):
            np.dot(self.into[e], x_D, out=h_H)
            if self.into_bias is not None:
                h_H += self.into_bias[e]
        active = torch.from_numpy(a_KH)
        self.hidden.forward(torch.from_numpy(h_KH), active, active)
        for (e, weight), a_H in zip(chosen, a_KH, strict=True):
            out_D = np.dot(self.down[e], a_H)
            if self.down_bias is not None:
                out_D += self.down_bias[e]
            out_D *= weight
            y_D += out_D


def _add(
    group: ExpertGroup, x_D: Tensor, chosen: list[tuple[int, float]], y_D: Floats, kept_ER: Tensor | None
) -> None:
    """The same for a group of any kind."""
    for e, weight in chosen:
        kept_NR = None if kept_ER is None else kept_ER[e, None]
        y_D += weight * group.finished(x_D[None], e, kept_NR)[0].detach().numpy()
