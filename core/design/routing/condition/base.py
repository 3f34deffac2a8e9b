"""Base of the conditions."""

from __future__ import annotations

from collections.abc import Iterator

from core.design.base import Choice, Spec, Weight
from core.design.problems import Problem, Site


class Condition(Spec):
    """Makes routing depend on the example's task."""

    kind: str

    def weights(self, width: int, experts: int, tasks: int) -> Iterator[Weight]:
        """Parameters it adds to the router."""
        yield from ()

    def rules(self, site: Site) -> Iterator[Problem]:
        if site.moe is not None and site.moe.router.scope in _MIXED:
            scope, router = site.moe.router.scope, site.up()
            yield router.error(
                "condition-scope",
                f"One decision for a whole {scope} spans several tasks, so it cannot ask for one.",
                "To fix this, route each token.",
                edits=(router.set("scope", "token", label="Route each token"),),
                at="scope",
            )
        if site.data is not None and not site.data.has_task_id:
            yield site.error(
                "no-tasks",
                f"This router asks for a task, and the data set {site.data.name} names none.",
                "To fix this, choose data with several heads or tasks.",
                stage="train",
            )


#: Scopes whose groups may hold examples of several tasks.
_MIXED = frozenset({"position", "batch"})

CONDITION = Choice("condition")
