"""Every file with measures, and the one door to them."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

from core.claims.measures import (
    another_k,
    evaluation,
    gate,
    islands,
    left_out,
    load,
    passes,
    tasks,
    uncertain,
    widths,
)
from core.claims.measures.base import REGISTRY, Subject
from core.claims.naming import parse

#: Importing a file registers its measures.
MODULES = (another_k, evaluation, gate, islands, left_out, load, passes, tasks, uncertain, widths)


def measure(subject: Subject, names: Iterable[str]) -> dict[str, float | None]:
    """The values of measures by name, None where there is none. Raises ClaimError and UnknownMeasureError.

    Figures of cost are not measured but counted, so they are left out.
    """
    found: dict[str, float | None] = {}
    for name in names:
        known, argument = parse(name)
        if known.name in REGISTRY:
            value = REGISTRY[known.name](subject, argument)
            found[name] = value if value is not None and isfinite(value) else None
    return found
