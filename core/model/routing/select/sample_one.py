"""One expert drawn at random (THOR, arXiv 2110.04260)."""

from __future__ import annotations

import torch
from torch import Tensor

from core.design.routing.select.sample_one import SampleOne as SampleOneSpec
from core.model.routing.context import RouteContext
from core.model.routing.select.base import SELECTORS, Ranked, Selector
from core.model.routing.shape import RoutedShape


@SELECTORS.register(SampleOneSpec)
class SampleOne(Selector):
    """Every open expert is as likely as another; one draw a batch, example or token.

    Training and evaluation may differ in that. A draw is a function of seed, layer, step and pass.
    """

    def __init__(self, spec: SampleOneSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.spans = {True: spec.train, False: spec.eval}

    def forward(self, ranked: Ranked, context: RouteContext) -> Tensor:
        B, S = context.shape
        draws = {"batch": 1, "example": B, "token": B * S}[self.spans[context.training]]
        (open_N,) = (~(ranked.ranking_TE == -torch.inf).any(0)).nonzero(as_tuple=True)
        drawn_G = torch.randint(
            len(open_N), (draws,), generator=context.random, device=ranked.ranking_TE.device
        )
        return open_N[drawn_G].repeat_interleave(B * S // max(1, draws))[:, None]
