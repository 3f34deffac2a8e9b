"""Experts work on slots, which are mixtures of tokens (Soft MoE, arXiv 2308.00951)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from core.design.routing.combine.slot_mix import SlotMix as SlotMixSpec
from core.model.routing.balance.base import Balancer
from core.model.routing.combine.base import COMBINERS, Combiner, multiplied_in, way_and_type
from core.model.routing.context import RouteContext
from core.model.routing.decision import Decision, Soft
from core.model.routing.router import Router, Scored
from core.model.routing.shape import RoutedShape


@COMBINERS.register(SlotMixSpec)
class SlotMix(Combiner):
    """y = C f(D^T x) in each example: D is a softmax over its tokens for every slot, C one over slots for
    every token, both of the same logits.

    Slots of an expert lie together. Padding is in no slot and gets nothing. All executions are the same, for
    nothing is selected; the type of the products is that of slots with their experts.
    """

    def __init__(self, spec: SlotMixSpec, execution: str, shape: RoutedShape) -> None:
        super().__init__()
        _, self.dtype = way_and_type(execution)
        self.experts = shape.experts

    def decide(
        self, router: Router, scored: Scored, context: RouteContext, balancers: Sequence[Balancer]
    ) -> Decision:
        logits_BSP = scored.logits_GE.unflatten(0, context.shape)
        dispatch_logits_BSP, mask = logits_BSP, context.passing.mask
        if mask is not None:
            # Not minus infinity: an example without any token has no softmax then.
            lowest = torch.finfo(logits_BSP.dtype).min
            dispatch_logits_BSP = logits_BSP.masked_fill(~mask[:, :, None], lowest)
        dispatch_BSP, combine_BSP = torch.softmax(dispatch_logits_BSP, 1), torch.softmax(logits_BSP, 2)
        if mask is not None:
            dispatch_BSP, combine_BSP = dispatch_BSP * mask[:, :, None], combine_BSP * mask[:, :, None]
        return Soft(dispatch_BSP, combine_BSP, self.experts)

    def forward(self, decision: Decision, context: RouteContext) -> Tensor:
        assert isinstance(decision, Soft)
        assert context.bank is not None
        assert context.x_TD is not None
        x_BSD = context.x_TD.unflatten(0, context.shape)
        slots_BPD = torch.bmm(decision.dispatch_BSP.to(x_BSD.dtype).transpose(1, 2), x_BSD)
        # [B, E, N, D] to [E, B * N, D]: each expert has its own slots of all examples below each other.
        slots_END = slots_BPD.unflatten(1, (self.experts, -1)).transpose(0, 1).flatten(1, 2)
        with multiplied_in(self.dtype, slots_END):
            outputs = [
                group.every(slots_END[first : first + group.count]).to(x_BSD.dtype)
                for first, group in zip(context.bank.starts, context.bank.members(), strict=True)
            ]
        y_BEND = torch.cat(outputs).unflatten(1, (x_BSD.shape[0], -1)).transpose(0, 1)
        y_BSD = torch.bmm(decision.combine_BSP.to(x_BSD.dtype), y_BEND.flatten(1, 2))
        return y_BSD.flatten(0, 1)
