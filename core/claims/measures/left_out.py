"""The trained model with an expert left out: a shared one, or each token's best (arXiv 2401.06066)."""

from __future__ import annotations

from torch import Tensor

from core.claims.errors import ClaimError
from core.claims.measures.another_k import with_k
from core.claims.measures.base import Subject, register
from core.claims.measures.override import selecting
from core.design.bodies.moe import Moe
from core.design.edit import SetValue
from core.design.edits import apply
from core.design.routing.select.top_k import TopK
from core.design.spec import Design
from core.model.routing.context import RouteContext
from core.model.routing.select.base import Ranked


@register("without_shared")
def without_shared(subject: Subject, argument: str) -> float | None:
    """Held-out loss added without shared experts, one more routed expert for each; None without any."""
    bodies = [(p.pointer, p.part.body) for p in subject.design.parts() if isinstance(p.part.body, Moe)]
    shared = {sum(group.count for group in body.shared) for _, body in bodies}
    if not any(shared):
        return None
    chosen = {body.router.select.k if isinstance(body.router.select, TopK) else None for _, body in bodies}
    (k, *others), (removed, *uneven) = chosen, shared
    if others or uneven or not isinstance(k, int):
        raise ClaimError("Shared experts can be left out only where all layers have as many and one fixed k.")
    design = with_k(subject.design, k + removed)
    for pointer, _ in bodies:
        result = apply(design, SetValue(path=f"{pointer}/body/shared", value=[]))
        if not isinstance(result, Design):
            raise ClaimError(f"The shared experts cannot be left out: {result}")
        design = result
    return subject.loss(subject.rebuilt(design)) - subject.figures["loss"]


@register("without_routed")
def without_routed(subject: Subject, argument: str) -> float | None:
    """Held-out loss added when every token loses the first of its routed experts."""

    def the_rest(selected_TK: Tensor, ranked: Ranked, context: RouteContext) -> Tensor:
        rest_TK = selected_TK.clone()
        rest_TK[:, 0] = -1
        return rest_TK

    with selecting(subject.model, the_rest):
        return subject.loss(subject.model) - subject.figures["loss"]
