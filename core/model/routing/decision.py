"""What a router decided: experts by name, a mixture of their parameters, or mixtures of tokens."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from core.model.routing.scope import Scope


@dataclass(frozen=True)
class Merge:
    """Each group's own mixture of all experts' parameters (SMEAR, arXiv 2306.03745).

    logits_GE: raw logits. weight_GE: mixture weights, rows sum to one. scope: which tokens are a group.
    """

    logits_GE: Tensor
    weight_GE: Tensor
    scope: Scope

    @property
    def share_TE(self) -> Tensor:
        """How much of each expert is in the one that a token meets."""
        return self.scope.each(self.weight_GE)


@dataclass(frozen=True)
class Soft:
    """Mixtures instead of choices (Soft MoE, arXiv 2308.00951). P = E * slots, slots of an expert together.

    dispatch_BSP: what share of each token a slot takes, sums to one over tokens. combine_BSP: what share of
    each slot a token takes, sums to one over slots. experts: E.
    """

    dispatch_BSP: Tensor
    combine_BSP: Tensor
    experts: int

    @property
    def share_TE(self) -> Tensor:
        """How much of a token's output comes from each expert's slots."""
        B, S, P = self.combine_BSP.shape
        return self.combine_BSP.reshape(B * S, self.experts, P // self.experts).sum(2)


@dataclass(frozen=True)
class Hard:
    """Each token's own experts, by rank.

    logits_TE: raw logits, before noise and temperature. scores_TE: after the score function, before any
    selection bias; ranking_TE: what selection compared. selected_TK: expert ids, -1 = none;
    accepted_TK: whether the expert had room; weight_TK: combine weights of the selected, 0 where none.
    noisy_TE, deviation: logits with noise and the standard deviation of the noise, where there was some.
    identity_T: share of the token itself in the output, None for none. own_TK, own_weight_TK: what tokens
    selected before an uncertain rule widened it, and its weights, None where none did. signed: scores are
    logits as they are, so they may be negative.
    """

    logits_TE: Tensor
    scores_TE: Tensor
    ranking_TE: Tensor
    selected_TK: Tensor
    accepted_TK: Tensor
    weight_TK: Tensor
    noisy_TE: Tensor | None = None
    deviation: Tensor | float = 0.0
    identity_T: Tensor | None = None
    own_TK: Tensor | None = None
    own_weight_TK: Tensor | None = None
    signed: bool = False

    @property
    def experts(self) -> int:
        """E."""
        return self.scores_TE.shape[1]

    @property
    def chosen_TK(self) -> Tensor:
        """What balancers see: the tokens' own selection, before capacity and without an uncertain rule."""
        return self.selected_TK if self.own_TK is None else self.own_TK

    @property
    def chosen_weight_TK(self) -> Tensor:
        """Weights of `chosen_TK`."""
        return self.weight_TK if self.own_weight_TK is None else self.own_weight_TK

    @cached_property
    def expert_TK(self) -> Tensor:
        """Accepted experts by rank, -1 = none."""
        return self.selected_TK.masked_fill(~self.accepted_TK, -1)

    @cached_property
    def mix_TK(self) -> Tensor:
        """Weights of accepted experts; a dropped choice's weight goes nowhere."""
        return self.weight_TK.masked_fill(~self.accepted_TK, 0.0)

    @cached_property
    def selected_E(self) -> Tensor:
        """Selections of each expert, before capacity (int64)."""
        return count(self.chosen_TK, self.experts)

    @cached_property
    def accepted_E(self) -> Tensor:
        """Tokens that each expert really computes (int64)."""
        return count(self.expert_TK, self.experts)

    @cached_property
    def probability_TE(self) -> Tensor:
        """Scores made to sum to one over experts; of logits as they are, the softmax."""
        if self.signed:
            return torch.softmax(self.scores_TE, 1)
        return self.scores_TE / self.scores_TE.sum(1, keepdim=True).clamp_min(1e-20)

    @property
    def selected_TE(self) -> Tensor:
        """bool: selected, before capacity."""
        return spread(self.selected_TK, torch.ones_like(self.weight_TK), self.experts) > 0

    @property
    def accepted_TE(self) -> Tensor:
        """bool: selected and accepted."""
        return spread(self.expert_TK, torch.ones_like(self.weight_TK), self.experts) > 0

    @property
    def weights_TE(self) -> Tensor:
        """Weights of accepted experts, 0 elsewhere."""
        return spread(self.expert_TK, self.mix_TK, self.experts)


Decision = Hard | Merge | Soft


def count(expert_TK: Tensor, experts: int) -> Tensor:
    """How often each of `experts` ids stands in expert_TK, -1 not counted."""
    flat_S = expert_TK.reshape(-1) + 1
    if torch.compiler.is_exporting():
        # A bincount may have any number of bins, and every such number takes torch seconds to reason about.
        return flat_S.new_zeros(experts + 1).index_add(0, flat_S, torch.ones_like(flat_S))[1:]
    return torch.bincount(flat_S, minlength=experts + 1)[1:]


def spread(expert_TK: Tensor, value_TK: Tensor, experts: int) -> Tensor:
    """value_TK at its expert's column of [T, E]; ids of -1 go nowhere."""
    room = value_TK.new_zeros(value_TK.shape[0], experts + 1)
    return room.scatter_add(1, expert_TK + 1, value_TK)[:, 1:]
