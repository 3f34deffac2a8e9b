"""Why a number is what it is: each operator's seconds as a sum of terms, with what they were made of."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from core.cost.devices.base import Processor
from core.cost.efficiency import Constants, fitted
from core.cost.format import percent, seconds, size, work
from core.cost.gpu import Bound, Op, Step

_DOMINATES: dict[Bound, str] = {
    "compute": "the device computes",
    "memory": "bytes arrive from memory",
    "overhead": "kernels are launched and the host waits",
    "network": "devices wait for each other",
}


@dataclass(frozen=True)
class Term:
    """One summand: seconds, and what they come from in words."""

    name: Bound
    seconds: float
    made_of: str


@dataclass(frozen=True)
class Why:
    """All operators of one name: seconds, their share of the step, terms, and which dominates."""

    name: str
    seconds: float
    share: float
    terms: tuple[Term, ...]

    @property
    def dominates(self) -> Bound:
        """The largest term."""
        return max(self.terms, key=lambda term: term.seconds).name

    def __str__(self) -> str:
        parts = " + ".join(f"{seconds(term.seconds)} ({term.made_of})" for term in self.terms)
        return f"{self.name}: {seconds(self.seconds)} = {parts}; mostly {_DOMINATES[self.dominates]}"


def why(step: Step, on: Processor, constants: Constants | None = None) -> tuple[Why, ...]:
    """Operators of a step by name, the longest first; the host is one of them."""
    c = constants or fitted()
    together: dict[str, list[Op]] = defaultdict(list)
    for op in step.ops:
        together[op.name].append(op)
    whole = step.seconds
    found = [
        Why(
            name,
            sum(op.seconds for op in ops),
            sum(op.seconds for op in ops) / whole,
            tuple(_terms(ops, on, c)),
        )
        for name, ops in together.items()
    ]
    if step.host:
        host = Term("overhead", step.host, "sampling, scheduling and bookkeeping of a step, fitted")
        found.append(Why("host", step.host, step.host / whole, (host,)))
    return tuple(sorted(found, key=lambda each: -each.seconds))


def _terms(ops: list[Op], on: Processor, c: Constants) -> list[Term]:
    took = sum(op.seconds for op in ops)
    if ops[0].bound == "network":
        sent = sum(op.bytes for op in ops)
        rate = percent(c.values["link"])
        return [Term("network", took, f"{size(sent)} sent at {rate} of the links, and a wait at each")]
    compute, memory, launch = (sum(getattr(op, n) for op in ops) for n in ("compute", "memory", "launch"))
    found = []
    if compute:
        flops, peak = sum(op.flops for op in ops), on.peak[on.compute]
        rate = percent(flops / compute / peak)
        found.append(Term("compute", compute, f"{work(flops)} at {rate} of {work(peak)}/s {on.compute}"))
    if memory:
        moved = sum(op.bytes for op in ops)
        rate = percent(moved / memory / on.bandwidth)
        found.append(Term("memory", memory, f"{size(moved)} at {rate} of {size(on.bandwidth)}/s"))
    if launch:
        found.append(Term("overhead", launch, "kernels, one after the other"))
    return found or [Term("overhead", took, "nothing to do")]
