"""Experts or whole islands switched off at random (MoEC, arXiv 2207.09094)."""

from __future__ import annotations

import torch
from torch import Tensor

from core.design.routing.modifier.drop_experts import DropExperts as DropExpertsSpec
from core.model.randomness import generator
from core.model.routing.context import RouteContext
from core.model.routing.modifier.base import MODIFIERS, Modifier
from core.model.routing.shape import RoutedShape


@MODIFIERS.register(DropExpertsSpec)
class DropExperts(Modifier):
    """In training, logits of -inf for the dropped.

    Who is dropped follows from the run's seed, the layer and step // refresh alone, so it is the same in all
    passes of a step and after a pause, and needs no place in a checkpoint.
    """

    turn = 0

    def __init__(self, spec: DropExpertsSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.spec, self.islands = spec, shape.islands
        self.size = shape.experts // shape.islands

    def on_logits(self, logits_GE: Tensor, context: RouteContext) -> Tensor:
        if not context.training:
            return logits_GE
        return logits_GE.masked_fill(self.dropped(context).to(logits_GE.device), -torch.inf)

    def dropped(self, context: RouteContext) -> Tensor:
        """bool [E]."""
        of, spec = context.passing, self.spec
        random = generator("drop", of.seed, context.layer, of.step // spec.refresh)
        if spec.unit == "island":
            return _drawn(1, self.islands, spec.dropped(self.islands), random).repeat_interleave(self.size)
        return _drawn(self.islands, self.size, spec.dropped(self.size), random)


def _drawn(groups: int, size: int, drawn: int, random: torch.Generator) -> Tensor:
    """True for exactly `drawn` of the `size` members of each group, bool [groups * size]."""
    rank_IM = torch.rand(groups, size, generator=random).argsort(1)
    return (rank_IM < drawn).flatten()
