"""A dense FFN: a bank of one expert that every token visits."""

from __future__ import annotations

from torch import Tensor, nn

from core.design.bodies.dense import Dense as DenseSpec
from core.model.bodies.base import BODIES, Place, Routed, Sight
from core.model.groups import bank


@BODIES.register(DenseSpec)
class Dense(nn.Module):
    """y = expert(x)."""

    def __init__(self, spec: DenseSpec, place: Place) -> None:
        super().__init__()
        self.experts = bank((spec.expert,), place.width)

    def forward(self, x_BSD: Tensor, sight: Sight) -> tuple[Tensor, Routed | None]:
        return self.experts.members()[0].rows(x_BSD.flatten(0, 1), 0).view_as(x_BSD), None
