"""The MoE layer: route, execute the chosen experts, add the shared ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.design.bodies.moe import Moe as MoeSpec
from core.model.bodies.base import BODIES, Place, Routed, RoutedBody, Sight
from core.model.groups import bank
from core.model.routing.balance.base import BALANCERS, Balancer
from core.model.routing.combine.base import COMBINERS
from core.model.routing.context import RouteContext
from core.model.routing.decision import Hard
from core.model.routing.observe import record
from core.model.routing.record import RoutingRecord
from core.model.routing.router import Router, Scored
from core.model.routing.shape import RoutedShape


@BODIES.register(MoeSpec)
class Moe(RoutedBody):
    """y = sum over accepted e of w_e f_e(x), plus all shared experts, times their gate where there is one.

    Padding gets exactly zero. Losses of balancers of one kind are summed under that kind's name.
    """

    def __init__(self, spec: MoeSpec, place: Place) -> None:
        super().__init__()
        D, self.index = place.width, place.index
        shape = RoutedShape(D, spec.count, spec.islands, spec.widths(), place.tasks, place.ids)
        self.tasks = max(1, len(place.tasks))
        self.router = Router(spec.router, shape)
        self.experts = bank(spec.experts, D)
        self.shared = bank(spec.shared, D) if spec.shared else None
        self.shared_gate = nn.Linear(D, 1, bias=False) if spec.shared_gate else None
        self.combine = COMBINERS.build(spec.router.combine, place.execution, shape)
        self.balance = nn.ModuleList(BALANCERS.build(b, shape) for b in spec.balance)
        self.names = tuple(balancer.kind for balancer in spec.balance)

    def forward(self, x_BSD: Tensor, sight: Sight) -> tuple[Tensor, Routed | None]:
        x_TD = sight.real(x_BSD).flatten(0, 1)
        context = self._context(x_TD, sight)
        scored: Scored = self.router(x_TD, context)
        with torch.autocast(x_TD.device.type, enabled=False):
            decision = self.combine.decide(self.router, scored, context, self.balancers())
        y_TD = self.combine(decision, context)
        if self.shared is not None:
            y_TD = y_TD + self._shared(x_TD, context)
        losses = self._losses(decision, context) if isinstance(decision, Hard) else {}
        return y_TD.view_as(x_BSD), Routed(record(decision, context), losses)

    def _context(self, x_TD: Tensor, sight: Sight) -> RouteContext:
        return RouteContext(
            sight.shape,
            sight.passing,
            self.index,
            self.training,
            sight.causal,
            x_TD.device,
            x_TD,
            self.experts,
            sight.token_BS,
            self.tasks,
        )

    def _losses(self, decision: Hard, context: RouteContext) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = {}
        for name, balancer in zip(self.names, self.balancers(), strict=True):
            loss = balancer.loss(decision, context)
            if loss is not None:
                losses[name] = losses[name] + loss if name in losses else loss
        return losses

    def _shared(self, x_TD: Tensor, context: RouteContext) -> Tensor:
        assert self.shared is not None
        members = self.shared.members()
        y_TD = torch.stack([g.rows(x_TD, e) for g in members for e in range(g.count)]).sum(0)
        if self.shared_gate is not None:
            y_TD = y_TD * torch.sigmoid(F.linear(x_TD, self.shared_gate.weight))
        return y_TD if context.mask_T is None else y_TD * context.mask_T[:, None]

    def balancers(self) -> list[Balancer]:
        """In the order of the design."""
        return [balancer for balancer in self.balance if isinstance(balancer, Balancer)]

    def after_step(self, found: RoutingRecord | None) -> None:
        for balancer in self.balancers():
            if balancer.selection_bias() is None:
                continue
            if found is None or found.selected_E is None:
                raise ValueError(
                    "A selection bias learns from the selections of the step, and this layer's record is"
                    ' missing. To fix this, run the forward pass with record="counts" and hand it over.'
                )
            balancer.after_step(found.selected_E)
