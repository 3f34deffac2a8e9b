"""Weighted sum of the outputs of accepted experts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from core.design.routing.combine.output_mix import OutputMix as OutputMixSpec
from core.model.execute.export import bracketed
from core.model.execute.reference import reference
from core.model.execute.sparse import Strategy, singly, sparse
from core.model.experts import ExpertBank
from core.model.routing.combine.base import COMBINERS, Combiner, way_and_type
from core.model.routing.context import RouteContext
from core.model.routing.decision import Decision, Hard
from core.model.routing.shape import RoutedShape


@COMBINERS.register(OutputMixSpec)
class OutputMix(Combiner):
    """y = sum over accepted e of w_e f_e(x), executed as `execution` says, and the token's own share.

    Or of f_e(w_e x), as Llama 4 has it: then each choice is a row of its own, and all executions take it.
    """

    def __init__(self, spec: OutputMixSpec, execution: str, shape: RoutedShape) -> None:
        super().__init__()
        way, dtype = way_and_type(execution)
        self.execute = _EXECUTIONS[way]
        if dtype is not None:
            self.execute = partial(self.execute, dtype=dtype)
        self.on_input = spec.weigh_on == "input"

    def forward(self, decision: Decision, context: RouteContext) -> Tensor:
        assert isinstance(decision, Hard)
        assert context.bank is not None
        assert context.x_TD is not None
        if self.on_input:
            rows_SD, rows = _weighed(context.x_TD, decision)
            y_SD = self.execute(context.bank, rows_SD, rows, None)
            y_TD = y_SD.view(*decision.weight_TK.shape, -1).sum(1)
        else:
            y_TD = self.execute(context.bank, context.x_TD, decision, context.kept_TER)
        if decision.identity_T is not None:
            y_TD = y_TD + decision.identity_T[:, None] * context.x_TD
        return y_TD


def _weighed(x_TD: Tensor, decision: Hard) -> tuple[Tensor, Hard]:
    """T * K rows, the token times the weight of one choice each, and the decision that sends them there."""
    x_SD = (x_TD[:, None] * decision.mix_TK.to(x_TD.dtype)[:, :, None]).flatten(0, 1)
    selected, accepted, weight = decision.selected_TK, decision.accepted_TK, decision.weight_TK
    return x_SD, replace(
        decision,
        selected_TK=selected.reshape(-1, 1),
        accepted_TK=accepted.reshape(-1, 1),
        weight_TK=torch.ones_like(weight).reshape(-1, 1),
    )


def _all(bank: ExpertBank, x_TD: Tensor, decision: Hard, kept_TER: Tensor | None) -> Tensor:
    return reference(bank, x_TD, decision.weights_TE.to(x_TD.dtype), decision.accepted_TE, kept_TER)


def _own(
    bank: ExpertBank,
    x_TD: Tensor,
    decision: Hard,
    kept_TER: Tensor | None,
    strategy: Strategy | None = None,
    dtype: torch.dtype | None = None,
) -> Tensor:
    mix_TK = decision.mix_TK.to(x_TD.dtype)
    if not torch.is_grad_enabled() and singly(len(mix_TK)):
        strategy = None  # single tokens are decoded: the way was chosen for batches
    return sparse(bank, x_TD, decision.expert_TK, mix_TK, strategy, kept_TER, dtype)


def _bracketed(bank: ExpertBank, x_TD: Tensor, decision: Hard, kept_TER: Tensor | None) -> Tensor:
    return bracketed(bank, x_TD, decision.expert_TK, decision.mix_TK.to(x_TD.dtype), kept_TER)


#: By name; those of a token's own experts also take the type of the products.
_EXECUTIONS: dict[str, Callable[..., Tensor]] = {
    "auto": _own,
    "sparse": _own,
    "ragged": partial(_own, strategy="ragged"),
    "grouped": partial(_own, strategy="grouped"),
    "numpy": partial(_own, strategy="numpy"),
    "compiled": partial(_own, strategy="compiled"),
    "reference": _all,
    "export": _bracketed,
}
