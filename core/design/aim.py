"""The turn of the size dial that brings a design to a wanted number of parameters."""

from __future__ import annotations

import math

from core.design.dial import MOST_FACTOR, even
from core.design.edits import apply
from core.design.spec import Design

_LEAST = 1e-4


def aimed(design: Design, parameters: int) -> float:
    """The factor of `even` that comes nearest to so many parameters, by bisection.

    Ends of the range where the design cannot be so small or so large.
    """
    low, high = math.log(_LEAST), math.log(MOST_FACTOR**4)
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (middle, high) if _total(design, middle) < parameters else (low, middle)
    near = min((low, 0.0, high), key=lambda turn: abs(_total(design, turn) - parameters))
    return math.exp(near)


def _total(design: Design, turn: float) -> int:
    sized = apply(design, even(math.exp(turn)))
    return sized.parameters if isinstance(sized, Design) else design.parameters
