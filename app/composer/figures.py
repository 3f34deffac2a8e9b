"""What follows from the open design, kept while it stays the same: its cost, against before, its problems."""

from functools import lru_cache

from components.strip.cells import Cell, cell
from core.cost import estimate
from core.design.problems import Problem
from core.design.rules import check
from core.design.spec import Design


def cells(design: Design, before: Design | None) -> tuple[Cell, ...]:
    """Parameters, FLOPs, bytes, and the time of a token on two targets."""
    then = {found.label: found for found in _strip(before)} if before is not None else {}
    return tuple(
        cell(
            found.label,
            found.figure,
            then[found.label].figure if found.label in then else None,
            extra=found.note,
        )
        for found in _strip(design)
    )


@lru_cache(maxsize=64)
def _strip(design: Design) -> tuple[estimate.Cell, ...]:
    return estimate.strip(design)


@lru_cache(maxsize=16)
def hindrances(design: Design) -> tuple[Problem, ...]:
    """What stands in the way of training it."""
    return check(design, stage="train")
