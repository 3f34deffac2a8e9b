"""What the values of a design say about how it is trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from core.design.base import Spec
from core.design.plan import Objective, Plan
from core.design.routing.router import Router
from core.design.spec import Design


def routers(design: Design) -> Iterator[Router]:
    """The router of every routed part, once for each place in a pattern."""
    for placed in design.parts():
        body = placed.part.body
        yield from (
            value for name in type(body).model_fields if isinstance(value := getattr(body, name), Router)
        )


def routes_by_task(design: Design) -> bool:
    """Whether some router asks which task an example belongs to."""
    return any(router.condition is not None or router.scope == "task" for router in routers(design))


def differs(design: Design) -> bool:
    """Whether two training passes over one batch may give different answers: something is drawn at random."""
    return any(value.drawn for router in routers(design) for value in _values(router))


def suggested_objective(design: Design) -> Objective:
    """What this design's routing is usually trained with: the first that a value names, else one pass."""
    for router in routers(design):
        for value in _values(router):
            if value.trained_by is not None:
                return Plan.model_validate({"objective": {"kind": value.trained_by}}).objective
    return Plan().objective


def suited(plan: Plan, design: Design) -> Plan:
    """The plan with the objective that the design's routing is usually trained with, if it names none."""
    named = plan.objective != Plan().objective
    return plan if named else plan.replaced(objective=suggested_objective(design))


def fits(design: Design, other: Design) -> bool:
    """Whether `design` may begin with the weights of `other`: alike in all but their routers.

    By names, shapes and counts of parameters; the checkpoint itself decides when the run begins.
    """
    return _outside_routers(design) == _outside_routers(other)


def _outside_routers(design: Design) -> tuple[list[str], Counter[tuple[str, tuple[int, ...]]]]:
    found: Counter[tuple[str, tuple[int, ...]]] = Counter()
    for placed in design.weights():
        weight = placed.weight
        if weight.role != "router":
            found[weight.name, weight.shape] += placed.times * weight.copies
    return [stack.name for stack in design.stacks], found


def _values(router: Router) -> Iterator[Spec]:
    """The values on the router's axes."""
    for name in type(router).model_fields:
        value = getattr(router, name)
        yield from (
            each for each in (value if isinstance(value, tuple) else (value,)) if isinstance(each, Spec)
        )
