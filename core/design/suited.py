"""What the values of a design say about how it is trained."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from core.design.base import Spec, Weight
from core.design.plan import Objective, Plan, Taken
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


def difference(design: Design, other: Design, taken: Taken = "everything") -> str:
    """Why `design` cannot begin with the weights of `other`, in words; "" where it can.

    They must be alike in all but their routers or, where only these are taken over, in some router. By names
    and shapes of parameters, part by part; the checkpoint itself decides when the run begins.
    """
    ours, theirs = (_shapes(each, taken == "routers") for each in (design, other))
    if taken == "routers":
        alike = any(theirs.get(name) == shape for name, shape in ours.items())
        return "" if alike else "none of its routers is like one of these"
    for name, shape in ours.items():
        if name not in theirs:
            return f"it has no {name}"
        if shape != theirs[name]:
            return f"{name} is {theirs[name]} there and {shape} here"
    extra = next((name for name in theirs if name not in ours), None)
    return "" if extra is None else f"it also has {extra}"


def _shapes(design: Design, routers: bool) -> dict[str, str]:
    """Shapes in words by name and place of the parameters of routers, or of all others; groups apart."""
    placed: defaultdict[str, list[Weight]] = defaultdict(list)
    for each in design.weights():
        placed[each.pointer].append(each.weight)
    parts = [(place.pointer, f" of {place.path}") for place in design.occurrences()]
    inside = {pointer for pointer, _ in parts}
    places = [(pointer, "") for pointer in placed if pointer not in inside] + parts
    found: dict[str, list[str]] = defaultdict(list)
    for pointer, where in places:
        for weight in placed[pointer]:
            if (weight.role == "router") is routers:
                shape = ((weight.copies,) if weight.copies > 1 else ()) + weight.shape
                found[f"{weight.name}{where}"].append(" x ".join(map(str, shape)))
    return {name: " and ".join(shapes) for name, shapes in found.items()}


def _values(router: Router) -> Iterator[Spec]:
    """The values on the router's axes."""
    for name in type(router).model_fields:
        value = getattr(router, name)
        yield from (
            each for each in (value if isinstance(value, tuple) else (value,)) if isinstance(each, Spec)
        )
