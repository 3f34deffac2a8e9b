"""What a routed layer tells about its decisions."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class RoutingRecord:
    """Counts of one routed layer in one pass, and with record "full" every token's decision.

    counts_E: tokens each expert computed; selected_E: selections before capacity (int64 both). tokens: real
    tokens. counts_NE: counts_E by domain, where the pass gave domains. Per token, T = B * S with padding:
    expert_TK: accepted experts by rank, -1 = none; selected_TK: the same before capacity; weight_TK: 0 where
    not accepted; probability_TE: scores made to sum to one; entropy_T: theirs, in nats; margin_T: how far
    the last selected expert was above the best one left out, in what selection compared, infinite where
    none was left out.

    A soft layer merges experts or mixes tokens, and selects none: it has no counts, no experts and no
    margin, and probability_TE is what share each expert has in a token's output; share_NE sums it over the
    real tokens of each domain, where the pass gave domains.
    """

    counts_E: Tensor | None
    selected_E: Tensor | None
    tokens: int
    counts_NE: Tensor | None = None
    expert_TK: Tensor | None = None
    selected_TK: Tensor | None = None
    weight_TK: Tensor | None = None
    probability_TE: Tensor | None = None
    entropy_T: Tensor | None = None
    margin_T: Tensor | None = None
    share_NE: Tensor | None = None
