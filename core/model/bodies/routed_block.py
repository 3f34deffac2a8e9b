"""A bank whose experts are whole layers (task-level MoE, arXiv 2205.12701)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from core.design.bodies.routed_block import RoutedBlock as RoutedBlockSpec
from core.model.bodies.base import BODIES, Place, Routed, Sight
from core.model.execute.bracket import combine, dispatch
from core.model.routing.combine.base import multiplied_in, way_and_type
from core.model.routing.context import RouteContext
from core.model.routing.decision import Hard
from core.model.routing.observe import record
from core.model.routing.router import Router
from core.model.routing.shape import RoutedShape
from core.model.transformer import Layer, Part


@BODIES.register(RoutedBlockSpec)
class RoutedBlock(nn.Module):
    """y = sum over chosen copies c of w_c (layer_c(x) - x): with weights that sum to one, their mean layer.

    Attention moves information between the tokens of an example, so an example goes through a copy as a
    whole, and only through the copies that its task or itself was given: batches may mix tasks.
    """

    def __init__(self, spec: RoutedBlockSpec, place: Place) -> None:
        super().__init__()
        self.index, self.tasks = place.index, max(1, len(place.tasks))
        self.router = Router(spec.router, RoutedShape(place.width, spec.copies, tasks=place.tasks))
        copies = (Layer(Part(part, place) for part in spec.layer.parts) for _ in range(spec.copies))
        self.copies = nn.ModuleList(copies)
        way, dtype = way_and_type(place.execution)
        self.execute = _EXECUTIONS.get(way) or partial(_own, dtype=dtype)

    def forward(self, x_BSD: Tensor, sight: Sight) -> tuple[Tensor, Routed | None]:
        context = self._context(x_BSD, sight)
        assert context.x_TD is not None
        with torch.autocast(x_BSD.device.type, enabled=False):
            decision = self.router.choose(self.router(context.x_TD, context), context, ())
        row_B = _first_tokens(context)
        y_BSD = self.execute(self.copies, x_BSD, decision, row_B, sight)
        return y_BSD, Routed(record(decision, context), {})

    def _context(self, x_BSD: Tensor, sight: Sight) -> RouteContext:
        return RouteContext(
            sight.shape,
            sight.passing,
            self.index,
            self.training,
            sight.causal,
            x_BSD.device,
            sight.real(x_BSD).flatten(0, 1),
            token_BS=sight.token_BS,
            tasks=self.tasks,
        )


def _own(
    copies: nn.ModuleList,
    x_BSD: Tensor,
    decision: Hard,
    row_B: Tensor,
    sight: Sight,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Each example through the copies that were chosen for it, and copies of no example not at all.

    dtype: of the products inside the copies, if not that of x.
    """
    weight_BE, chosen_BE = decision.weights_TE[row_B], decision.accepted_TE[row_B]
    y_BSD = torch.zeros_like(x_BSD)
    for e, copy in enumerate(copies):
        own_B = torch.nonzero(chosen_BE[:, e])[:, 0]
        if len(own_B):
            own_BSD = x_BSD[own_B]
            with multiplied_in(dtype, x_BSD):
                through_BSD, _ = copy(own_BSD, _of_rows(sight, own_B))
            share_B = weight_BE[own_B, e].to(x_BSD.dtype)
            y_BSD = y_BSD.index_add(0, own_B, share_B[:, None, None] * (through_BSD - own_BSD))
    return y_BSD


def _bracketed(copies: nn.ModuleList, x_BSD: Tensor, decision: Hard, row_B: Tensor, sight: Sight) -> Tensor:
    """The same, exportable: an example is one wide row, sent to its copies as a token is to its experts.

    Of all that examples are told beside their tokens, a copy's parts read nothing.
    """
    wide_BW = x_BSD.flatten(1)
    *parts, row_S = dispatch(wide_BW, decision.expert_TK[row_B], len(copies))
    added = []
    for copy, own_NW in zip(copies, parts, strict=True):
        if torch.compiler.is_exporting():
            # Attention asks whether there is one example; the answer changes nothing that is traced.
            torch._check(own_NW.shape[0] != 1)
        own_NSD = own_NW.unflatten(1, x_BSD.shape[1:])
        seen = replace(sight, shape=(own_NSD.shape[0], own_NSD.shape[1]), token_BS=None)
        through_NSD, _ = copy(own_NSD, seen)
        added.append((through_NSD - own_NSD).flatten(1))
    y_BW: Tensor = combine(added, row_S, decision.mix_TK[row_B].to(x_BSD.dtype))
    return y_BW.view_as(x_BSD)


#: By the execution of experts, where a bank of layers knows another way than its own.
_EXECUTIONS: dict[str, Callable[..., Tensor]] = {"export": _bracketed}


def _first_tokens(context: RouteContext) -> Tensor:
    """The first real token of each example [B], which speaks for all: they were given the same."""
    B, S = context.shape
    mask_T = context.mask_T
    first_B = torch.zeros(B, dtype=torch.long, device=context.device)
    if mask_T is not None:
        first_B = mask_T.view(B, S).long().argmax(1)
    return torch.arange(B, device=context.device) * S + first_B


def _of_rows(sight: Sight, row_B: Tensor) -> Sight:
    """What the tokens of some examples see."""
    if len(row_B) == sight.shape[0]:
        return sight

    def own(value: Tensor | None) -> Tensor | None:
        return None if value is None else value[row_B]

    of = sight.passing
    passing = replace(of, mask=own(of.mask), task_id=own(of.task_id), domain=own(of.domain))
    shape = (len(row_B), sight.shape[1])
    return replace(sight, shape=shape, passing=passing, token_BS=own(sight.token_BS))
