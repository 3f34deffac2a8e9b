"""Does a plan fit the design and the data? What does not is mended in the plan, so no problem has an edit."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from math import isfinite

from core.design.base import Spec
from core.design.plan import Plan
from core.design.problems import Problem, Site
from core.design.spec import Design


def plan_rules(design: Design, site: Site) -> Iterator[Problem]:
    """Problems of the plan at stage train; none without a plan."""
    if site.plan is not None:
        yield from _not_built(site.plan, site)
        yield from _context(site.plan, design, site)
        yield from _mixture(site.plan, site)


def _not_built(plan: Plan, site: Site) -> Iterator[Problem]:
    for name in type(plan).model_fields:
        value = getattr(plan, name)
        if isinstance(value, Spec) and not type(value).trainable:
            yield site.error(
                "not-built",
                f"{type(value).called()} of the plan cannot be trained yet.",
                f"To fix this, leave {name} out of the plan.",
                stage="train",
            )


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
    else:
        return
    yield site.error("plan-mixture", message, f"To fix this, {fix}.", stage="train")
