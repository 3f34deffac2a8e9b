"""What is asked on the Cost page, and the command that asks the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import cast

from core.cost import gpu
from core.cost.asking import Asked, RefusedError, scenario
from core.cost.count import Counts, count
from core.cost.demand import Demand
from core.cost.devices.base import Processor
from core.cost.efficiency import Constants
from core.cost.estimate import Estimate, on_processor
from core.cost.rates import Measured
from core.design.spec import Design

#: Flags of the command for what is asked besides target, phase, batch, context and weights.
_PLAN = ("tp", "ep", "pp", "dp", "micro_batch", "zero", "recompute", "optimizer", "stack")
_AWAY = ("offload", "offload_layers", "host")
_FLAGS = (*_PLAN, *_AWAY)
_USUAL = {"tp": 1, "ep": 1, "pp": 1, "dp": 1, "zero": 1, "recompute": "none", "optimizer": "adamw"}


@dataclass(frozen=True)
class Routing:
    """Rates of experts that a run measured (`core.cost.routing`), known by the run."""

    run: str
    rates: Measured

    def __hash__(self) -> int:
        return hash(self.run)


@dataclass(frozen=True)
class Stack:
    """Constants that two timings of a user gave a device, known by those timings."""

    name: str
    device: str
    constants: Constants

    def __hash__(self) -> int:
        return hash(self.name)


@dataclass(frozen=True)
class Question:
    """`plan` are those items of `core.cost.asking.Asked` that differ from the usual. The price is that of a
    device and hour, `watts` are of one device."""

    phase: str
    batch: int
    context: int
    weights: str
    plan: tuple[tuple[str, int | str], ...] = ()
    routing: Routing | None = None
    stack: Stack | None = None
    price: float | None = None
    watts: float | None = None

    @property
    def asked(self) -> Asked:
        """As the estimator takes it."""
        found = {"phase": self.phase, "batch": self.batch, "context": self.context, "weights": self.weights}
        return cast(Asked, found | {name: value for name, value in self.plan if name in _FLAGS})

    @property
    def devices(self) -> int:
        """All that share the work."""
        plan = dict(self.plan)
        return int(plan.get("tp", 1)) * int(plan.get("pp", 1)) * int(plan.get("dp", 1))

    @property
    def at_home(self) -> Question:
        """The same with all experts on the device: for a design that has none to move."""
        return replace(self, plan=tuple(item for item in self.plan if item[0] not in _AWAY))

    def command(self, target: str) -> str:
        """Flags of `python -m app cost DESIGN`."""
        words = [f"--target {target} --phase {self.phase} --batch {self.batch} --context {self.context}"]
        words.append(f"--weights {self.weights}")
        words += [f"--{name.replace('_', '-')} {value}" for name, value in self.plan]
        for name, value in (("price", self.price), ("watts", self.watts)):
            words += [f"--{name} {value:g}"] if value is not None else []
        if self.routing is not None:
            words.append(f"--run {self.routing.run}")
        return " ".join(words)


def plan_of(values: Mapping[str, int | str | None]) -> tuple[tuple[str, int | str], ...]:
    """What differs from the usual, in the order of the flags."""
    return tuple(
        (name, value)
        for name in _FLAGS
        if (value := values.get(name)) is not None and value != _USUAL.get(name)
    )


@lru_cache(maxsize=4096)
def costed(design: Design, on: Processor, question: Question) -> Estimate | RefusedError:
    """The estimate on a device, or what makes no sense."""
    try:
        load = scenario(design, question.asked, on.compute, on=on)
    except RefusedError as error:
        return error
    counts = _counted(design, question.routing, load.phase == "train")
    stack = question.stack
    constants = stack.constants if stack and stack.device == on.name else None
    return on_processor(Demand(counts, load), on, gpu.step(counts, load, on, constants))


@lru_cache(maxsize=4096)
def needed(design: Design, on: Processor, question: Question) -> float | None:
    """Bytes that a device of the plan needs; None where the plan makes no sense."""
    try:
        load = scenario(design, question.asked, on.compute, on=on)
    except RefusedError:
        return None
    asks = Demand(_counted(design, None, load.phase == "train"), load)
    return asks.memory.on(on.reserved, load.parallel.devices).total.value


@lru_cache(maxsize=32)
def _counted(design: Design, routing: Routing | None, training: bool) -> Counts:
    return count(design, routing.rates if routing else None, training=training)
