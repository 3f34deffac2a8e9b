"""Figure: a number that says where it comes from and how far to trust it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Grade = Literal["exact", "rule checked", "fitted", "prior"]
Input = str | int | float | bool


@dataclass(frozen=True)
class Figure:
    """`value` in `unit` by the formula of this id (`core.cost.formulas`) from `inputs`.

    An exact figure has no band. Every other grade has one: `low` and `high` are the 10 and 90 % marks.
    """

    value: float
    unit: str
    formula: str
    inputs: tuple[tuple[str, Input], ...] = ()
    grade: Grade = "exact"
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ValueError(f"a figure is a finite number, not {self.value}")
        if self.grade == "exact":
            if self.low is not None or self.high is not None:
                raise ValueError("an exact figure has no band")
        elif self.low is None or self.high is None or not self.low <= self.value <= self.high:
            raise ValueError(
                f"a {self.grade} figure of {self.value} needs a band around it, not {self.low}..{self.high}"
            )

    def as_json(self) -> dict[str, object]:
        """Plain data for `--json`."""
        out: dict[str, object] = {"value": self.value, "unit": self.unit, "grade": self.grade}
        if self.grade != "exact":
            out |= {"low": self.low, "high": self.high}
        return out | {"formula": self.formula, "inputs": dict(self.inputs)}


def exact(value: float, unit: str, formula: str, **inputs: Input) -> Figure:
    """A figure of pure arithmetic; whole numbers become integers."""
    return Figure(whole(value), unit, formula, tuple(inputs.items()))


def whole(value: float) -> float:
    """An integer where the value is one: closed forms divide late and stay exact below 2**53."""
    return int(value) if float(value).is_integer() else value
