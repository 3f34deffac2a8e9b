"""Experts merged in parameter space (SMEAR, arXiv 2306.03745)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from core.design.routing.combine.param_merge import ParamMerge as ParamMergeSpec
from core.model.experts import ExpertBank, ExpertGroup
from core.model.routing.balance.base import Balancer
from core.model.routing.combine.base import COMBINERS, Combiner, multiplied_in, way_and_type
from core.model.routing.context import RouteContext
from core.model.routing.decision import Decision, Merge
from core.model.routing.router import Router, Scored
from core.model.routing.shape import RoutedShape
from core.model.routing.weigh.base import Picked

#: Merged parameters that stand in memory at a time; more of them are made piece by piece, and made again
#: for the backward pass.
MERGED_BYTES = 2**27


@COMBINERS.register(ParamMergeSpec)
class ParamMerge(Combiner):
    """y = f(x; sum over e of w_e theta_e), one merged expert for each group of tokens.

    Every tensor is merged, biases too. Merging costs 2 E FLOPs for each number of an expert and group; then
    a token meets one expert. All executions are the same, for nothing is selected; the type of the products
    is that of a token with its merged expert, while merging stays in the type of the parameters.
    """

    def __init__(self, spec: ParamMergeSpec, execution: str, shape: RoutedShape) -> None:
        super().__init__()
        _, self.dtype = way_and_type(execution)

    def decide(
        self, router: Router, scored: Scored, context: RouteContext, balancers: Sequence[Balancer]
    ) -> Decision:
        groups, experts = scored.scores_GE.shape
        all_GE = torch.arange(experts, device=context.device).expand(groups, experts)
        picked = Picked(all_GE, scored.scores_GE, scored.logits_GE)
        return Merge(scored.raw_GE, router.weigh(picked, context.training), scored.scope)

    def forward(self, decision: Decision, context: RouteContext) -> Tensor:
        assert isinstance(decision, Merge)
        assert context.bank is not None
        assert context.x_TD is not None
        weight_GE, x_GND = decision.scope.laid_out(decision.weight_GE, context.x_TD, context.shape)
        y_TD = decision.scope.put_back(merged(context.bank, weight_GE, x_GND, self.dtype))
        return y_TD if context.mask_T is None else y_TD * context.mask_T[:, None]


def merged(bank: ExpertBank, weight_GE: Tensor, x_GND: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """The output [G, N, D] of each group's own mixture of the bank's experts, which are all of one shape.

    dtype: of the products with the mixtures, if not that of x.
    """
    members = bank.members()
    stacks = [_joined(pieces) for pieces in zip(*(group.tensors() for group in members), strict=True)]
    each = sum(s[0].numel() * s.element_size() for s in stacks if s is not None)
    room = max(1, MERGED_BYTES // max(1, each))
    if torch.compiler.is_exporting() or len(weight_GE) <= room:
        return _merged(members[0], dtype, weight_GE, x_GND, *stacks)
    return torch.cat(
        [
            checkpoint(
                _merged, members[0], dtype, *piece, *stacks, use_reentrant=False, preserve_rng_state=False
            )
            for piece in zip(weight_GE.split(room), x_GND.split(room), strict=True)
        ]
    )


def _merged(
    group: ExpertGroup,
    dtype: torch.dtype | None,
    weight_GE: Tensor,
    x_GND: Tensor,
    *stacks: Tensor | None,
) -> Tensor:
    mixtures = [None if stack is None else _mixed(weight_GE, stack) for stack in stacks]
    with multiplied_in(dtype, x_GND):
        return group.batched(x_GND, mixtures).to(x_GND.dtype)


def _mixed(weight_GE: Tensor, stack: Tensor) -> Tensor:
    """[G, ...] from [E, ...]."""
    return torch.mm(weight_GE.to(stack.dtype), stack.flatten(1)).view(-1, *stack.shape[1:])


def _joined(pieces: Sequence[Tensor | None]) -> Tensor | None:
    """One tensor of all groups, stacked over the expert."""
    found = [piece for piece in pieces if piece is not None]
    if not found:
        return None
    return found[0] if len(found) == 1 else torch.cat(found)
