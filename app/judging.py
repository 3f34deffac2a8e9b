"""What follows from the losses of every token under every expert: how good the choices were. No torch."""

from dataclasses import dataclass

from core.analysis.errors import AnalysisError
from core.analysis.expertise import Expertise, expertise
from core.analysis.routers import Routers, compare, hashed
from core.probe.answers import Counterfactuals

#: A run may route by a hash itself, and this is another one.
HASH = "fresh hash of the token"
FRESH = f"{HASH.capitalize()}: drawn for this comparison, so also another one than a router may have been."


@dataclass(frozen=True)
class Judged:
    """One layer: its expertise, and its router beside others."""

    told: Expertise
    routers: Routers


def judge(found: Counterfactuals) -> Judged:
    """Expertise and regret. Raises AnalysisError."""
    if found.loss_NE.shape[1] < 2:
        raise AnalysisError("One expert is no choice. To fix this, choose a layer with two or more.")
    text = bool((found.token_N >= 0).all())
    others = {HASH: hashed(found.token_N, found.loss_NE.shape[1])} if text else {}
    return Judged(
        expertise(found.loss_NE, found.chosen_N, found.sequence_N),
        compare(found.loss_NE, found.chosen_N, found.sequence_N, others),
    )
