"""Whether a gate's weights and temperature can be told apart (arXiv 2401.13875)."""

from __future__ import annotations

from core.claims.fisher import smallest_eigenvalue
from core.claims.measures.base import Subject, register


@register("fisher")
def fisher(subject: Subject, argument: str) -> float | None:
    """Smallest eigenvalue of the Fisher information with the gate of the argument; exact, nothing trained.

    Of the run only the seed counts: it draws the true parameters.
    """
    return smallest_eigenvalue(argument, subject.plan.seed)
