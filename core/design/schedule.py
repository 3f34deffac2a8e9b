"""A number that a method changes over training: `number | schedule` over progress in [0, 1].

Evaluation and export use the value at the checkpoint.
"""

from __future__ import annotations

import math
import sys
from abc import abstractmethod
from typing import Annotated, Any, Literal

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from core.design.base import Choice, Spec, field

SCHEDULE = Choice("schedule")


class Schedule(Spec):
    """Base of all schedules."""

    kind: str

    @abstractmethod
    def at(self, progress: float) -> float:
        """Value at `progress` in [0, 1]."""

    @property
    @abstractmethod
    def ends(self) -> tuple[float, float]:
        """Smallest and largest value it takes."""


class _Ramp(Schedule):
    start: float = field(ge=-1e6, le=1e6)
    end: float = field(ge=-1e6, le=1e6)

    @property
    def ends(self) -> tuple[float, float]:
        return min(self.start, self.end), max(self.start, self.end)


@SCHEDULE.register
class Linear(_Ramp):
    """Straight from start to end."""

    kind: Literal["linear"]

    def at(self, progress: float) -> float:
        return self.start + (self.end - self.start) * progress


@SCHEDULE.register
class Cosine(_Ramp):
    """Half a cosine from start to end."""

    kind: Literal["cosine"]

    def at(self, progress: float) -> float:
        return self.end + (self.start - self.end) * (1 + math.cos(math.pi * progress)) / 2


@SCHEDULE.register
class Exponential(_Ramp):
    """Equal factors in equal times; both ends above zero."""

    kind: Literal["exponential"]
    start: float = field(gt=0, le=1e6)
    end: float = field(gt=0, le=1e6)

    def at(self, progress: float) -> float:
        return float(self.start * (self.end / self.start) ** progress)


@SCHEDULE.register
class Steps(Schedule):
    """Each value for an equal share of the training, in order."""

    kind: Literal["steps"]
    values: tuple[float, ...] = field(min_length=1, max_length=64)

    def at(self, progress: float) -> float:
        return self.values[min(int(progress * len(self.values)), len(self.values) - 1)]

    @property
    def ends(self) -> tuple[float, float]:
        return min(self.values), max(self.values)


class NumberOrSchedule:
    """Annotation of a field that takes a plain number or a schedule. `whole` asks for integers."""

    def __init__(self, low: float, high: float, *, whole: bool = False) -> None:
        self.low, self.high, self.whole = low, high, whole

    def _parse(self, value: Any) -> float | int | Schedule:
        if isinstance(value, bool) or value is None or isinstance(value, str):
            raise PydanticCustomError("number_or_schedule", "Give a number or a schedule")
        if isinstance(value, int | float):
            # JSON has integers that no float holds.
            low = high = float(value) if abs(value) <= sys.float_info.max else math.inf
            if not math.isfinite(low):
                raise PydanticCustomError("finite_number", "Input should be a finite number")
            if self.whole and low != int(low):
                raise PydanticCustomError("whole_number", "Input should be a whole number")
            parsed: float | int | Schedule = int(value) if self.whole else low
        else:
            spec = SCHEDULE.parse(value)
            assert isinstance(spec, Schedule)
            low, high = spec.ends
            parsed = spec
        if low < self.low or high > self.high:
            raise PydanticCustomError(
                "number_range",
                "Input should be between {low} and {high}",
                {"low": self.low, "high": self.high},
            )
        return parsed

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._parse)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        number = {"type": "integer" if self.whole else "number", "minimum": self.low, "maximum": self.high}
        return {"title": "number or schedule", "anyOf": [number, {"x-choice": SCHEDULE.name}]}


Fraction = Annotated[float | Schedule, NumberOrSchedule(0.0, 1.0)]
Positive = Annotated[float | Schedule, NumberOrSchedule(1e-6, 1e6)]
Count = Annotated[int | Schedule, NumberOrSchedule(1, 4096, whole=True)]


def value_at(number: float | Schedule, progress: float) -> float:
    """A plain number as it is, a schedule at `progress`."""
    return number.at(progress) if isinstance(number, Schedule) else float(number)


def ends_of(number: float | Schedule) -> tuple[float, float]:
    """Smallest and largest value over training."""
    return number.ends if isinstance(number, Schedule) else (float(number), float(number))
