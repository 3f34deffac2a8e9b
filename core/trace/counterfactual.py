"""The loss of every token under every expert of one layer, all else as it is. Torch.

T = B * S tokens of a batch, N of them measured, E experts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from core.design.bodies.base import Mixer
from core.design.bodies.moe import Moe as MoeSpec
from core.design.bodies.routed_block import RoutedBlock
from core.design.override import Override
from core.design.spec import Design
from core.model.model import Model
from core.trace.override import OverrideError, overrides

#: Tokens that go through the model at a time where every measured token needs a pass of its own.
AT_ONCE = 8192

#: Rows of the batch [R] -> the loss of each token [R, S], or of each example [R], in one pass over them.
Forward = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Case:
    """One layer of a model, and a batch of B examples of S tokens that `forward` takes rows of."""

    model: Model
    path: str
    shape: tuple[int, int]
    forward: Forward

    @property
    def experts(self) -> int:
        """E. Raises OverrideError where no layer of that path has experts."""
        for place in self.model.design.occurrences():
            if place.path == self.path and isinstance(place.body, MoeSpec):
                return place.body.count
        raise OverrideError(f"There is no routed layer {self.path[:60]!r}. To fix this, name one that is.")

    def loss(self, row_R: Tensor, given_RS: Tensor) -> Tensor:
        """The loss with tokens of these rows sent to one expert each, -1 = as the router has it.

        The expert's weight follows from the layer's own rule. No capacity drops anything, in any layer: it
        would count copies of an example, and what it left one of them would depend on the others.
        """
        bodies = {place.path: place.body for place in self.model.design.occurrences()}
        limited = [
            path
            for path, body in bodies.items()
            if isinstance(body, MoeSpec) and body.router.combine.selects and body.router.capacity is not None
        ]
        lifted = dict.fromkeys([*limited, self.path], Override(drops=False))
        with overrides(self.model, lifted, {self.path: given_RS.reshape(-1)}):
            return self.forward(row_R)


def losses_at_once(case: Case) -> Tensor:
    """loss_TE [T, E], the mode `single_layer_last`: all tokens go to one expert after the other.

    That is each token's own counterfactual only where nothing above the layer mixes tokens: E passes, exact.
    Raises OverrideError where something above does; `mixing_above` says what.
    """
    experts = case.experts
    if (above := mixing_above(case.model.design, case.path)) is not None:
        raise OverrideError(
            f"Above layer {case.path}, {above} mixes tokens, so sending all of them to one expert changes"
            " what each of them meets there. To fix this, measure single tokens, or the last routed layer."
        )
    row_B = torch.arange(case.shape[0])
    columns = [case.loss(row_B, torch.full(case.shape, expert)) for expert in range(experts)]
    return torch.stack([column.reshape(-1) for column in columns], 1)


def losses_one_by_one(case: Case, token_N: Tensor) -> Tensor:
    """loss_NE [N, E] of tokens [N], numbered through the batch; the mode `batched_one_token`.

    Every token and expert has its own copy of the example, in which only this token goes elsewhere: exact for
    any layer, N * E examples. The loss is that of the token, or of the example where it has one for all.
    Routers that decide for several tokens at once see copies as other examples.
    """
    experts, S = case.experts, case.shape[1]
    of_P, expert_P = token_N.repeat_interleave(experts), torch.arange(experts).repeat(len(token_N))
    each = max(1, AT_ONCE // S)
    found = []
    for of_R, expert_R in zip(of_P.split(each), expert_P.split(each), strict=True):
        at_R1 = (of_R % S)[:, None]
        given_RS = torch.full((len(of_R), S), -1).scatter(1, at_R1, expert_R[:, None])
        loss = case.loss(of_R // S, given_RS)
        found.append(loss if loss.dim() == 1 else loss.gather(1, at_R1)[:, 0])
    return torch.cat(found).view(-1, experts)


def mixing_above(design: Design, path: str) -> str | None:
    """What mixes tokens above a layer, in words; None where each is by itself from there to its loss."""
    places = list(design.occurrences())
    above = places[[place.path for place in places].index(path) + 1 :]
    for place in above:
        body = place.body
        if isinstance(body, Mixer | RoutedBlock):
            return f"{body.kind.replace('_', ' ')} ({place.path})"
        if isinstance(body, MoeSpec) and _together(body):
            return f"a router that decides for several tokens at once ({place.path})"
    return None if design.task.causal_loss or design.task.tokens == 1 else "the mean over an example"


def _together(body: MoeSpec) -> bool:
    router = body.router
    alone = router.scope == "token" and router.combine.selects and not router.select.looks_ahead
    return not alone or router.capacity is not None
