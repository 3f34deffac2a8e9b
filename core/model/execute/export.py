"""The way to run a bank that can be exported: sparse, and plain torch between the two bracketing
operators.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.model.execute.bracket import combine, dispatch
from core.model.experts import ExpertBank, ExpertGroup, StackedExperts


def bracketed(
    bank: ExpertBank,
    x_TD: Tensor,
    expert_TK: Tensor,
    weight_TK: Tensor,
    kept_TER: Tensor | None = None,
) -> Tensor:
    """The same sum as `sparse`, differentiable, with every expert's rows a tensor of their own."""
    # What was kept travels in the same rows, so that slots are sorted once.
    wide_TW = x_TD if kept_TER is None else torch.cat([x_TD, kept_TER.flatten(1)], 1)
    *parts, row_S = dispatch(wide_TW, expert_TK, bank.count)
    outputs = []
    for first, group in zip(bank.starts, bank.members(), strict=True):
        for i in range(group.count):
            rows, kept_NR = parts[first + i], None
            if kept_TER is not None:
                start = bank.width + (first + i) * kept_TER.shape[2]
                kept_NR = rows[:, start : start + kept_TER.shape[2]]
                rows = rows[:, : bank.width]
            outputs.append(group.finished(rows, i, kept_NR))
    y_TD: Tensor = combine(outputs, row_S, weight_TK)
    return y_TD


class UnboundExperts(ExpertGroup):
    """A stacked group whose experts each own their slices, so that every matrix is exported under its name.

    The slices share the memory of the stack.
    """

    def __init__(self, stacked: StackedExperts) -> None:
        super().__init__(stacked.count)
        self.experts = nn.ModuleList(_Slice(stacked, e) for e in range(stacked.count))
        self._batched = stacked.batched

    def rows(self, x_ND: Tensor, expert: int) -> Tensor:
        y_ND: Tensor = self.experts[expert](x_ND)
        return y_ND

    def batched(self, x_GND: Tensor, tensors_G: Sequence[Tensor | None]) -> Tensor:
        return self._batched(x_GND, tensors_G)

    def tensors(self) -> tuple[Tensor | None, ...]:
        each = (expert._parameters.values() for expert in self.experts)
        return tuple(
            None if stack[0] is None else torch.stack([piece for piece in stack if piece is not None])
            for stack in zip(*each, strict=True)
        )


class _Slice(nn.Module):
    """One expert. Parameters: `gate_up` [2H, D] or `up` [H, D], `down` [D, H], and `<name>_bias` where
    learned.
    """

    def __init__(self, stacked: StackedExperts, expert: int) -> None:
        super().__init__()
        self.activated = stacked.activated
        self.into = "gate_up" if stacked.gated else "up"
        names = (self.into, "down", f"{self.into}_bias", "down_bias")
        for name, stack in zip(names, stacked.tensors(), strict=True):
            piece = None if stack is None else nn.Parameter(stack.detach()[expert], requires_grad=False)
            self.register_parameter(name, piece)

    def forward(self, x_ND: Tensor) -> Tensor:
        of = self._parameters
        h_NH = F.linear(x_ND, self.get_parameter(self.into), of[f"{self.into}_bias"])
        return F.linear(self.activated(h_NH), self.get_parameter("down"), of["down_bias"])


def unbind(model: nn.Module) -> None:
    """Cut the stacked groups of every bank of `model` into single experts, in place."""
    for bank in [module for module in model.modules() if isinstance(module, ExpertBank)]:
        for i, group in enumerate(bank.members()):
            if isinstance(group, StackedExperts):
                bank.groups[i] = UnboundExperts(group)
