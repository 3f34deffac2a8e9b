"""A fixed table from a token's id, hash or domain to its expert: hash layers (arXiv 2106.04426)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from core.design.routing.score.table import TableScore
from core.model.randomness import generator
from core.model.routing.context import RouteContext
from core.model.routing.score.base import SCORES, Score
from core.model.routing.shape import RoutedShape

#: Hash codes for each expert, at least: so many that experts share them out almost evenly.
CODES = 4


class Table(Score, ABC):
    """Overrides `expert`. Logits are 0 for the expert of the table and -inf for all others."""

    def __init__(self, shape: RoutedShape) -> None:
        super().__init__()
        self.experts = shape.experts

    @abstractmethod
    def expert(self, x_GD: Tensor, context: RouteContext) -> Tensor:
        """The expert of each group [G]."""

    def forward(self, x_GD: Tensor, context: RouteContext) -> Tensor:
        each_E = torch.arange(self.experts, device=x_GD.device)
        others_GE = self.expert(x_GD, context)[:, None] != each_E
        return x_GD.new_zeros(x_GD.shape[0], self.experts).masked_fill(others_GE, -torch.inf)


class TokenTable(Table):
    """By token id: a random table in which each expert stands for as many ids as any other, up to one."""

    def __init__(self, spec: TableScore, shape: RoutedShape) -> None:
        super().__init__(shape)
        self.register_buffer("expert_V", balanced(shape.ids, shape.experts, "token table", spec.seed))

    def expert(self, x_GD: Tensor, context: RouteContext) -> Tensor:
        if context.token_BS is None:
            raise ValueError(
                "A token table needs token ids, and this model reads numbers. To fix this, hash the hidden"
                " state (lsh)."
            )
        return self.get_buffer("expert_V")[context.token_BS.reshape(-1)]


class HashTable(Table):
    """By the sides of random planes that a hidden state lies on; which expert a code means is random too."""

    def __init__(self, spec: TableScore, shape: RoutedShape) -> None:
        super().__init__(shape)
        planes = (CODES * shape.experts - 1).bit_length()
        random = generator("planes", spec.seed)
        drawn_ND = torch.randn(planes, shape.width, generator=random, device="cpu")
        self.register_buffer("planes_ND", drawn_ND)
        self.register_buffer("expert_C", balanced(2**planes, shape.experts, "hash table", spec.seed))

    def expert(self, x_GD: Tensor, context: RouteContext) -> Tensor:
        planes_ND = self.get_buffer("planes_ND")
        side_GN = (x_GD @ planes_ND.t() > 0).long()
        value_N = 2 ** torch.arange(planes_ND.shape[0], device=x_GD.device)
        return self.get_buffer("expert_C")[(side_GN * value_N).sum(1)]


class DomainTable(Table):
    """By the domain that an example came from, counted round the experts: the oracle."""

    def __init__(self, spec: TableScore, shape: RoutedShape) -> None:
        super().__init__(shape)

    def expert(self, x_GD: Tensor, context: RouteContext) -> Tensor:
        domain_B = context.passing.domain
        if domain_B is None:
            raise ValueError(
                "This router is told each example's domain, and the batch names none: it is a control for"
                " data with domains, not a model to use. To fix this, choose another score."
            )
        return domain_B.to(context.device).long().repeat_interleave(context.shape[1]) % self.experts


def balanced(entries: int, experts: int, *key: int | str) -> Tensor:
    """A random expert for each entry, every expert equally often up to one."""
    # On the processor whatever the default device is, so that a table is the same everywhere.
    return torch.randperm(entries, generator=generator(*key), device="cpu") % experts


_BY: dict[str, Callable[[TableScore, RoutedShape], Table]] = {
    "token": TokenTable,
    "lsh": HashTable,
    "domain": DomainTable,
}


@SCORES.register(TableScore)
def table(spec: TableScore, shape: RoutedShape) -> Table:
    """The table of the source that the design names."""
    return _BY[spec.source](spec, shape)
