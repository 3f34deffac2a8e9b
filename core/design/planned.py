"""Does a plan fit the design and the data? What does not is mended in the plan, so no problem has an edit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from math import isfinite

from core.design.facts import DataFacts
from core.design.plan import Objective, PerTaskAccumulate, Plan, TwoPassConsistency
from core.design.problems import Problem, Site
from core.design.spec import Design
from core.design.suited import differs


def plan_rules(design: Design, site: Site) -> Iterator[Problem]:
    """Problems of the plan at stage train; none without a plan."""
    if site.plan is not None:
        yield from _objective(site.plan, design, site)
        yield from _execution(site.plan, design, site)
        yield from _context(site.plan, design, site)
        yield from _mixture(site.plan, site)


def _objective(plan: Plan, design: Design, site: Site) -> Iterator[Problem]:
    message = objective_fault(plan.objective, design, site.data)
    if message:
        fix = f"To fix this, use the objective 'single' instead of {plan.objective.kind!r} in the plan."
        yield site.error("plan-objective", message, fix, stage="train")


def objective_fault(objective: Objective, design: Design, facts: DataFacts | None) -> str:
    """Why an objective would have nothing to work on with this design and data; empty if it has."""
    fault = _FAULTS.get(type(objective))
    return fault(design, facts) if fault else ""


def _execution(plan: Plan, design: Design, site: Site) -> Iterator[Problem]:
    fault = execution_fault(plan.execution, plan.expert_dtype, design)
    if fault is not None:
        yield site.error("plan-execution", *fault, stage="train")


def execution_fault(
    execution: str | Mapping[str, str], expert_dtype: str, design: Design
) -> tuple[str, str] | None:
    """Why the experts of a design cannot be run so, and what helps; None if they can."""
    if expert_dtype == "bfloat16" and execution in ("reference", "export"):
        return (
            f"The execution {execution!r} computes in float32, and experts are to run in bfloat16.",
            "To fix this, use float32 for the experts, or another execution.",
        )
    if isinstance(execution, str):
        return None
    paths = {place.path for place in design.occurrences()}
    wrong = next((path for path in execution if path not in paths), None)
    if wrong is None:
        return None
    return (
        f"The plan says how the experts of {wrong[:80]!r} run, and this design has no part of that path.",
        "To fix this, use 'auto' for the execution in the plan, which finds a way for every layer.",
    )


def _same_passes(design: Design, facts: DataFacts | None) -> str:
    if differs(design):
        return ""
    return (
        "The plan compares two passes of each batch, and nothing in this design's routing is drawn at random:"
        " both would be the same."
    )


def _no_tasks(design: Design, facts: DataFacts | None) -> str:
    if design.tasks < 2:
        return "The plan trains each task by itself, and this design has one task only."
    if facts is None or _told(design, facts):
        return ""
    return (
        f"The plan trains each task by itself, and {facts.name} does not say which task an example belongs"
        " to."
    )


_FAULTS: dict[type[Objective], Callable[[Design, DataFacts | None], str]] = {
    TwoPassConsistency: _same_passes,
    PerTaskAccumulate: _no_tasks,
}


def _told(design: Design, facts: DataFacts) -> bool:
    """Whether the passes of each task can be told apart: by their heads, or by a task id."""
    heads = {head.name for head in design.task.heads_out}
    return heads == set(design.task.task_names) or facts.has_task_id


def _context(plan: Plan, design: Design, site: Site) -> Iterator[Problem]:
    """A model reads up to its task's context; only text has windows of any length."""
    if plan.context is None:
        return
    tokens = design.task.tokens
    if design.task.kind != "language_model":
        message = "The plan sets a context, and only text is cut to one: other examples have a fixed size."
        fix = "leave context out of the plan"
    elif plan.context > tokens:
        message = f"The plan trains on {plan.context} tokens, and this design reads up to {tokens}."
        fix = f"use a context of at most {tokens} in the plan, or a longer one in the task"
    else:
        return
    yield site.error("plan-context", message, f"To fix this, {fix}.", stage="train")


def _mixture(plan: Plan, site: Site) -> Iterator[Problem]:
    if not plan.mixture:
        return
    domains = site.data.domains if site.data else tuple(plan.mixture)
    unknown = next((name for name in plan.mixture if name not in domains), None)
    wrong = next((name for name, share in plan.mixture.items() if not (isfinite(share) and share >= 0)), None)
    if unknown is not None:
        near = get_close_matches(unknown, domains, n=1) or list(domains[:8])
        message = f"The mixture of the plan names the domain {unknown[:80]!r}, which the data does not have."
        fix = f"use {', '.join(map(repr, near))}"
    elif wrong is not None:
        message = f"The mixture of the plan gives {wrong[:80]!r} the weight {plan.mixture[wrong]}."
        fix = "use a number that is 0 or more"
    elif not any(plan.mixture.values()):
        message = "All weights of the plan's mixture are 0, so nothing is left to train on."
        fix = "give one domain a weight above 0"
    elif plan.sampling is not None:
        message = (
            "The plan weighs domains twice: by a mixture, and by their sizes with a sampling temperature."
        )
        fix = "leave one of mixture and sampling out"
    else:
        return
    yield site.error("plan-mixture", message, f"To fix this, {fix}.", stage="train")
