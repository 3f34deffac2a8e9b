"""The definition of what a bank computes: every expert on every token, then a masked sum."""

import torch
from torch import Tensor

from core.model.experts import ExpertBank


def reference(
    bank: ExpertBank,
    x_TD: Tensor,
    weights_TE: Tensor,
    accepted_TE: Tensor,
    kept_TER: Tensor | None = None,
) -> Tensor:
    """y_TD = sum over the accepted experts e of weights_TE[:, e] * expert_e(x_TD).

    accepted_TE: bool; a weight where it is False counts as exactly 0. kept_TER: the bank's pre-activations,
    where a score has computed them. Costs E / K times the FLOPs of `sparse`.
    """
    y_TD = torch.zeros_like(x_TD)
    for first, group in zip(bank.starts, bank.members(), strict=True):
        for i in range(group.count):
            e = first + i
            weight_T = torch.where(accepted_TE[:, e], weights_TE[:, e], 0)
            kept_TR = None if kept_TER is None else kept_TER[:, e]
            y_TD = y_TD + weight_T[:, None] * group.finished(x_TD, i, kept_TR)
    return y_TD
