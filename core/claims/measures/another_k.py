"""The trained model with another number of experts a token (arXiv 2303.01610)."""

from __future__ import annotations

from core.claims.errors import ClaimError
from core.claims.measures.base import Subject, register
from core.design.bodies.moe import Moe
from core.design.edit import SetValue
from core.design.edits import apply
from core.design.spec import Design


@register("loss_at_k")
def loss_at_k(subject: Subject, argument: str) -> float | None:
    """Held-out loss after the design's k is set to the argument and the weights are loaded into it."""
    if not argument.isdecimal():
        raise ClaimError(f"loss_at_k needs a whole number, and got {argument[:40]!r}.")
    return subject.loss(subject.rebuilt(with_k(subject.design, int(argument))))


def with_k(design: Design, k: int) -> Design:
    """The design with `k` experts a token in every MoE layer that selects by k. Raises ClaimError."""
    for placed in design.parts():
        if isinstance(placed.part.body, Moe):
            path = f"{placed.pointer}/body/router/select/k"
            result = apply(design, SetValue(path=path, value=k))
            if not isinstance(result, Design):
                raise ClaimError(f"k cannot be {k} at {placed.pointer}: {result}")
            design = result
    return design
