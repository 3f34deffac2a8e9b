"""Which data a design trains on where none is named: the one place that decides."""

from __future__ import annotations

from dataclasses import dataclass

from core.data.registry import BUILT_IN
from core.design.facts import DataFacts
from core.design.match import reads
from core.design.plan import Plan
from core.design.problems import Problem
from core.design.rules import faults
from core.design.spec import Design


@dataclass(frozen=True)
class Suited:
    """A built-in data set that a design can train on, and in words why it is this one."""

    facts: DataFacts
    why: str


def suited_data(design: Design, plan: Plan) -> Suited | None:
    """The plan's data where the design can train on it, else the first built-in set on which it can.

    Rules decide: a data set suits unless it adds an error to those of the design itself. None where no
    built-in set does.
    """
    against = ""
    for source in sorted(BUILT_IN, key=lambda source: source.name != plan.data):
        usual = source.name == plan.data
        # Reading takes seconds at worst, so what the design cannot read at all is opened only to say why.
        if not usual and not reads(design, source.kind):
            continue
        facts = source.open().facts
        first = next(iter(_added(design, plan, facts)), None)
        if first is None:
            return Suited(facts, _why(facts.name, usual, against))
        if usual:
            against = f" Not {source.name}: {first.message[:1].lower()}{first.message[1:]}"
    return None


def suits(design: Design, plan: Plan, facts: DataFacts) -> bool:
    """Whether the design can train on this data, its own errors aside."""
    return not _added(design, plan, facts)


def _why(name: str, usual: bool, against: str) -> str:
    if usual:
        return f"Data: {name}, which is usual for such a design, because none was named."
    return f"Data: {name}, the first built-in data set that this design can train on.{against}"


def _added(design: Design, plan: Plan, facts: DataFacts) -> list[Problem]:
    """Errors at stage train that are there with the data and not without it."""
    before = {(p.code, p.path) for p in faults(design, plan, stage="train")}
    after = faults(design, plan, facts, stage="train")
    return [p for p in after if p.severity == "error" and (p.code, p.path) not in before]
