"""What happens to tokens that the router cannot place (arXiv 2406.12375)."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from core.claims.measures.base import Subject, over_layers, register
from core.claims.measures.override import selecting
from core.model.routing.context import RouteContext
from core.model.routing.select.base import Ranked

#: Router entropy over ln E from which a token counts as uncertain.
THRESHOLD = 0.6


@register("random_expert_damage")
def random_expert_damage(subject: Subject, argument: str) -> float | None:
    """Held-out loss added when uncertain tokens get one expert at random in place of their own.

    The expert is weighed as the router weighs it.
    """
    threshold = float(argument or THRESHOLD)

    def at_random(selected_TK: Tensor, ranked: Ranked, context: RouteContext) -> Tensor:
        probability_TE = torch.softmax(ranked.logits_TE, 1)
        entropy_T = -(probability_TE * probability_TE.clamp_min(1e-20).log()).sum(1)
        uncertain_T = entropy_T / math.log(probability_TE.shape[1]) >= threshold
        T, E = probability_TE.shape
        random_T = torch.randint(E, (T,), generator=context.random)
        changed_TK = torch.full_like(selected_TK, -1)
        changed_TK[:, 0] = random_T
        return torch.where(uncertain_T[:, None], changed_TK, selected_TK)

    with selecting(subject.model, at_random):
        return subject.loss(subject.model) - subject.figures["loss"]


@register("uncertain")
def uncertain(subject: Subject, argument: str) -> float | None:
    """Share of the traced tokens whose router entropy over ln E reaches the threshold."""
    threshold = float(argument or THRESHOLD)
    return over_layers(
        [
            float(np.mean(layer.entropy / math.log(layer.experts) >= threshold))
            for layer in subject.trace.layers
            if layer.experts > 1
        ]
    )
