"""The experts of one MoE layer: groups of equal experts, their parameters stacked, one bank per layer.

Expert ids run through the groups in order: a bank of 12 + 4 experts has ids 0-11 in its first group, 12-15 in
its second. Parameters are in torch.nn.Linear orientation and live here only; every way to execute them reads
the same tensors.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.model.execute.activation import ACTIVATIONS
from core.model.execute.hidden import Hidden

Kind = Literal["glu", "mlp", "zero", "identity"]


@dataclass(frozen=True, slots=True)
class GroupShape:
    """`count` experts of one kind and width.

    kind: `glu` computes down(f(gate x) * (up x)), `mlp` down(f(up x)), `zero` nothing, `identity` x itself
    (the last two have no parameters and ignore the other fields; LongCat-Flash, arXiv 2509.01322).
    alpha, limit: the clamped SwiGLU of gpt-oss (arXiv 2508.10925), glu only: gate and up are clamped at
    `limit`, the gate is gate * sigmoid(alpha * gate), and 1 is added to up.
    """

    kind: Kind
    count: int
    hidden: int = 0
    activation: str = "silu"
    bias: bool = False
    alpha: float = 1.0
    limit: float | None = None

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(
                f"An expert group has {self.count} experts, which leaves nothing to route to. "
                "To fix this, give it a count of at least 1."
            )
        if self.kind in ("glu", "mlp") and self.hidden < 1:
            raise ValueError(
                f"A {self.kind} expert has hidden width {self.hidden}, so it has no weights. "
                "To fix this, give it a hidden width of at least 1."
            )
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"{self.activation!r} is not an activation experts can use. "
                f"To fix this, choose one of {', '.join(ACTIVATIONS)}."
            )
        if self.limit is not None and (self.kind != "glu" or self.activation != "silu"):
            raise ValueError(
                "A clamp limit is defined for glu experts with silu only. "
                "To fix this, remove the limit or use kind glu with silu."
            )


class ExpertGroup(nn.Module, ABC):
    """`count` experts that share one implementation. An unusual expert subclasses this and implements
    `rows`.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    @abstractmethod
    def rows(self, x_ND: Tensor, expert: int) -> Tensor:
        """The output [N, D] of expert `expert` (0 <= expert < count) for the rows x_ND. Must be
        differentiable.
        """

    def preactivation(self, x_TD: Tensor) -> Tensor:
        """What every expert computes first of x_TD, [T, count, R], for scores that ask the experts."""
        raise NotImplementedError(f"{type(self).__name__} has nothing that a score could ask for.")

    def finished(self, x_ND: Tensor, expert: int, kept_NR: Tensor | None) -> Tensor:
        """`rows`, from what `preactivation` gave for these rows and this expert where that was kept."""
        return self.rows(x_ND, expert)

    def every(self, x_END: Tensor) -> Tensor:
        """The output of each expert for rows of its own, [count, N, D]."""
        return torch.stack([self.rows(x_ND, e) for e, x_ND in enumerate(x_END.unbind(0))])

    def tensors(self) -> tuple[Tensor | None, ...]:
        """All parameters, stacked over the expert; None for those that the shape leaves out."""
        return ()

    def batched(self, x_GND: Tensor, tensors_G: Sequence[Tensor | None]) -> Tensor:
        """The output [G, N, D] of G experts of this kind, each for rows of its own.

        tensors_G: their parameters, in the order of `tensors`.
        """
        raise NotImplementedError(f"{type(self).__name__} runs its experts one by one.")


class FreeExperts(ExpertGroup):
    """Experts without parameters: `zero` returns 0, `identity` returns its input."""

    def __init__(self, shape: GroupShape) -> None:
        super().__init__(shape.count)
        self.shape = shape

    def rows(self, x_ND: Tensor, expert: int) -> Tensor:
        return x_ND if self.shape.kind == "identity" else torch.zeros_like(x_ND)

    def batched(self, x_GND: Tensor, tensors_G: Sequence[Tensor | None]) -> Tensor:
        return self.rows(x_GND, 0)


class StackedExperts(ExpertGroup):
    """glu or mlp experts, their parameters stacked over the expert.

    Parameters: glu `gate_up_EHD` [E, 2H, D] (gate rows first) and `gate_up_bias_EH` [E, 2H]; mlp `up_EHD` [E,
    H, D] and `up_bias_EH` [E, H]; both `down_EDH` [E, D, H] and `down_bias_ED` [E, D]. Biases only where the
    shape asks for them.
    """

    def __init__(self, width: int, shape: GroupShape) -> None:
        super().__init__(shape.count)
        self.shape = shape
        E, H = shape.count, shape.hidden
        self.gated = shape.kind == "glu"
        self.between = Hidden(self.gated, shape.activation, shape.alpha, shape.limit)
        name, rows = ("gate_up", 2 * H) if self.gated else ("up", H)
        self._names = (f"{name}_EHD", "down_EDH", f"{name}_bias_EH", "down_bias_ED")
        self.register_parameter(self._names[0], nn.Parameter(torch.empty(E, rows, width)))
        self.register_parameter(self._names[1], nn.Parameter(torch.empty(E, width, H)))
        if shape.bias:
            self.register_parameter(self._names[2], nn.Parameter(torch.empty(E, rows)))
            self.register_parameter(self._names[3], nn.Parameter(torch.empty(E, width)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform in +-1/sqrt(inputs) for every expert, as torch.nn.Linear starts."""
        into, down, into_bias, down_bias = self.tensors()
        for weight, bias in ((into, into_bias), (down, down_bias)):
            bound = 1 / math.sqrt(weight.shape[2])
            nn.init.uniform_(weight, -bound, bound)
            if bias is not None:
                nn.init.uniform_(bias, -bound, bound)

    def tensors(self) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """(into the hidden layer, down from it, bias of the first, bias of the second)."""
        into, down, into_bias, down_bias = self._names
        parameters = self._parameters
        weight, back = parameters[into], parameters[down]
        assert weight is not None
        assert back is not None
        return weight, back, parameters.get(into_bias), parameters.get(down_bias)

    def rows(self, x_ND: Tensor, expert: int) -> Tensor:
        into, down, into_bias, down_bias = self.tensors()
        h_NH = F.linear(x_ND, into[expert], None if into_bias is None else into_bias[expert])
        return F.linear(self.activated(h_NH), down[expert], None if down_bias is None else down_bias[expert])

    def every(self, x_END: Tensor) -> Tensor:
        return self.batched(x_END, self.tensors())

    def batched(self, x_GND: Tensor, tensors_G: Sequence[Tensor | None]) -> Tensor:
        into, down, into_bias, down_bias = tensors_G
        assert into is not None
        assert down is not None
        return linears(self.activated(linears(x_GND, into, into_bias)), down, down_bias)

    def activated(self, h_NH: Tensor) -> Tensor:
        """What goes down [N, H], from the pre-activations [N, 2H or H] of the same expert."""
        if not self.gated:
            return activate(self.shape.activation, h_NH)
        gate_NH, up_NH = h_NH.chunk(2, -1)
        if self.shape.limit is None:
            return activate(self.shape.activation, gate_NH) * up_NH
        limit = self.shape.limit
        gate_NH, up_NH = gate_NH.clamp(max=limit), up_NH.clamp(-limit, limit)
        return gate_NH * torch.sigmoid(self.shape.alpha * gate_NH) * (up_NH + 1)


def linears(x_GNi: Tensor, weight_Goi: Tensor, bias_Go: Tensor | None = None) -> Tensor:
    """A linear layer for each group of rows: [G, N, in] to [G, N, out]."""
    if bias_Go is None:
        return torch.bmm(x_GNi, weight_Goi.transpose(1, 2))
    return torch.baddbmm(bias_Go[:, None], x_GNi, weight_Goi.transpose(1, 2))


def activate(name: str, x: Tensor) -> Tensor:
    """The activation `name` of x, differentiable."""
    if name == "relu2":
        return F.relu(x).square()
    if name == "gelu_tanh":
        return F.gelu(x, approximate="tanh")
    function: Tensor = getattr(F, name)(x)
    return function


class ExpertBank(nn.Module):
    """All routed experts of one layer: a list of groups, which may differ in width and kind.

    width: D. groups: shapes, or modules of your own for unusual experts.
    """

    def __init__(self, width: int, groups: Sequence[GroupShape | ExpertGroup]) -> None:
        super().__init__()
        if not groups:
            raise ValueError(
                "The expert bank has no groups, so there is nothing to route to. "
                "To fix this, give it at least one group of experts."
            )
        self.width = width
        self.groups = nn.ModuleList(g if isinstance(g, ExpertGroup) else _build(width, g) for g in groups)
        counts = [g.count for g in self.members()]
        self.count = sum(counts)
        self.starts = [sum(counts[:i]) for i in range(len(counts))]

    def members(self) -> list[ExpertGroup]:
        """The groups in the order of their expert ids; `starts` holds the first id of each."""
        return cast(list[ExpertGroup], list(self.groups))

    def preactivation(self, x_TD: Tensor) -> Tensor:
        """What every expert computes first, [T, E, R]; for banks whose groups all have it, of one size R."""
        return torch.cat([group.preactivation(x_TD) for group in self.members()], 1)


def _build(width: int, shape: GroupShape) -> ExpertGroup:
    return StackedExperts(width, shape) if shape.kind in ("glu", "mlp") else FreeExperts(shape)
