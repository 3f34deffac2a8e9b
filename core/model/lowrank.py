"""Gated experts with a factored gate, whose narrow first factor can score them (AoE, arXiv 2501.13074)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.model.experts import ExpertGroup, activate, linears


class LowRankExperts(ExpertGroup):
    """`down(f(B A x) * up x)`; parameters `gate_a_ERD`, `gate_b_EHR`, `up_EHD`, `down_EDH`, without biases.

    R is the rank. The pre-activation is A x: every expert can compute it for every token at 2 D R FLOPs.
    """

    def __init__(self, width: int, count: int, hidden: int, rank: int, activation: str) -> None:
        super().__init__(count)
        self.rank, self.activation = rank, activation
        self.gate_a_ERD = nn.Parameter(torch.empty(count, rank, width))
        self.gate_b_EHR = nn.Parameter(torch.empty(count, hidden, rank))
        self.up_EHD = nn.Parameter(torch.empty(count, hidden, width))
        self.down_EDH = nn.Parameter(torch.empty(count, width, hidden))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform in +-1/sqrt(inputs) for every expert, as torch.nn.Linear starts."""
        for weight in self.tensors():
            bound = 1 / math.sqrt(weight.shape[2])
            nn.init.uniform_(weight, -bound, bound)

    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.gate_a_ERD, self.gate_b_EHR, self.up_EHD, self.down_EDH

    def preactivation(self, x_TD: Tensor) -> Tensor:
        factor = self.gate_a_ERD.flatten(0, 1)
        return F.linear(x_TD.to(factor.dtype), factor).view(-1, self.count, self.rank)

    def rows(self, x_ND: Tensor, expert: int) -> Tensor:
        return self.finished(x_ND, expert, None)

    def finished(self, x_ND: Tensor, expert: int, kept_NR: Tensor | None) -> Tensor:
        a_NR = F.linear(x_ND, self.gate_a_ERD[expert]) if kept_NR is None else kept_NR
        gate_NH = activate(self.activation, F.linear(a_NR, self.gate_b_EHR[expert]))
        return F.linear(gate_NH * F.linear(x_ND, self.up_EHD[expert]), self.down_EDH[expert])

    def every(self, x_END: Tensor) -> Tensor:
        return self.batched(x_END, self.tensors())

    def batched(self, x_GND: Tensor, tensors_G: Sequence[Tensor | None]) -> Tensor:
        gate_a, gate_b, up, down = (tensor for tensor in tensors_G if tensor is not None)
        gate_GNH = activate(self.activation, linears(linears(x_GND, gate_a), gate_b))
        return linears(gate_GNH * linears(x_GND, up), down)
