"""One token at a time: no sort, a matrix-vector product per expert it is routed to. For decoding, without
gradients.
"""

import torch
from torch import Tensor

from core.model.execute.activation import ACTIVATIONS
from core.model.execute.slots import no_expert
from core.model.experts import ExpertBank, ExpertGroup, FreeExperts, StackedExperts


def hit(
    bank: ExpertBank,
    x_TD: Tensor,
    expert_TK: Tensor,
    weight_TK: Tensor,
    kept_TER: Tensor | None = None,
) -> Tensor:
    """The same sum as `sparse`, token by token. Not differentiable. Raises ValueError as it does."""
    y_TD = torch.zeros_like(x_TD)
    chosen_TK = expert_TK.tolist()
    for experts in chosen_TK:
        if experts and (max(experts) >= bank.count or min(experts) < -1):
            raise no_expert(min(experts), max(experts), bank.count)
    for t, (experts, weights) in enumerate(zip(chosen_TK, weight_TK.tolist(), strict=True)):
        for first, group in zip(bank.starts, bank.members(), strict=True):
            chosen = [
                (e - first, w) for e, w in zip(experts, weights, strict=True) if 0 <= e - first < group.count
            ]
            if chosen:
                kept_ER = None if kept_TER is None else kept_TER[t, first : first + group.count]
                _add(group, x_TD[t], chosen, y_TD[t], kept_ER)
    return y_TD


def _add(
    group: ExpertGroup, x_D: Tensor, chosen: list[tuple[int, float]], y_D: Tensor, kept_ER: Tensor | None
) -> None:
    if not isinstance(group, StackedExperts) or group.shape.limit is not None:
        if isinstance(group, FreeExperts) and group.shape.kind == "zero":
            return
        for e, weight in chosen:
            kept_NR = None if kept_ER is None else kept_ER[e, None]
            y_D.add_(group.finished(x_D[None], e, kept_NR)[0], alpha=weight)
        return
    into, down, into_bias, down_bias = group.tensors()
    h_KH = x_D.new_empty(len(chosen), into.shape[1])
    for h_H, (e, _) in zip(h_KH.unbind(0), chosen, strict=True):
        if into_bias is None:
            torch.mv(into[e], x_D, out=h_H)
        else:
            torch.addmv(into_bias[e], into[e], x_D, out=h_H)
    a_KH = x_D.new_empty(len(chosen), down.shape[2])
    activation = ACTIVATIONS[group.shape.activation]
    if group.gated:
        gate_KH, up_KH = h_KH.chunk(2, 1)
        activation.value(gate_KH, a_KH).mul_(up_KH)
    else:
        activation.value(h_KH, a_KH)
    for a_H, (e, weight) in zip(a_KH.unbind(0), chosen, strict=True):
        y_D.addmv_(down[e], a_H, alpha=weight)
        if down_bias is not None:
            y_D.add_(down_bias[e], alpha=weight)
