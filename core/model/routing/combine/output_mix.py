"""Weighted sum of the outputs of accepted experts."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from core.design.routing.combine.output_mix import OutputMix as OutputMixSpec
from core.model.execute.export import bracketed
from core.model.execute.reference import reference
from core.model.execute.sparse import sparse
from core.model.experts import ExpertBank
from core.model.routing.combine.base import COMBINERS
from core.model.routing.decision import Hard


@COMBINERS.register(OutputMixSpec)
class OutputMix(nn.Module):
    """y = sum over accepted e of w_e f_e(x), executed as `execution` says."""

    def __init__(self, spec: OutputMixSpec, execution: str) -> None:
        super().__init__()
        self.execute = _EXECUTIONS[execution]

    def forward(self, bank: ExpertBank, x_TD: Tensor, decision: Hard) -> Tensor:
        return self.execute(bank, x_TD, decision)


def _all(bank: ExpertBank, x_TD: Tensor, decision: Hard) -> Tensor:
    return reference(bank, x_TD, decision.weights_TE.to(x_TD.dtype), decision.accepted_TE)


def _own(bank: ExpertBank, x_TD: Tensor, decision: Hard) -> Tensor:
    return sparse(bank, x_TD, decision.expert_TK, decision.mix_TK.to(x_TD.dtype))


def _bracketed(bank: ExpertBank, x_TD: Tensor, decision: Hard) -> Tensor:
    return bracketed(bank, x_TD, decision.expert_TK, decision.mix_TK.to(x_TD.dtype))


_EXECUTIONS: dict[str, Callable[[ExpertBank, Tensor, Hard], Tensor]] = {
    "auto": _own,
    "sparse": _own,
    "reference": _all,
    "export": _bracketed,
}
