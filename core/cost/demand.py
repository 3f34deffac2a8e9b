"""What a step asks of any device: FLOPs by part, bytes moved, distinct experts, memory. No seconds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from core.cost.count import Counts
from core.cost.coverage import Z
from core.cost.figure import Figure, Input, exact, whole
from core.cost.flops import part_flops
from core.cost.memory import Memory, inference, prior
from core.cost.parts import PartCount
from core.cost.scenario import Parallel, Scenario
from core.cost.spread import here, most_touched, pooled
from core.cost.stored import role_bytes
from core.cost.training import host_bytes, training
from core.cost.work import answers, hits, pairs, running, variance
from core.cost.works import summed, works
from core.design.bodies.base import Mixer

#: What kernels move beside weights and cache, and what fusing saves: 10 and 90 % factors, a prior.
_BYTES_BAND = (0.8, 1.4)


@dataclass(frozen=True)
class PartWork:
    """FLOPs of all turns of a part in a whole step, on all devices together."""

    pointer: str
    kind: str
    forward: float
    backward: float = 0.0
    again: float = 0.0

    @property
    def all(self) -> float:
        """Forward, backward, and what a recomputation does again."""
        return self.forward + self.backward + self.again


@dataclass(frozen=True)
class Distinct:
    """Distinct experts that a pass touches in one layer, on average over layers.

    `rank` is the same of the device that touches most, `experts` how many there are.
    """

    figure: Figure
    rank: float
    experts: float


@dataclass(frozen=True)
class Demand:
    """What `load` asks of whatever runs it. Counted when it is read."""

    counts: Counts
    load: Scenario

    @cached_property
    def parts(self) -> tuple[PartWork, ...]:
        """FLOPs of every part that works in this phase."""
        return tuple(_each(self.counts, self.load))

    @cached_property
    def flops(self) -> Figure:
        """FLOPs of the step, of all devices together."""
        return Figure(
            whole(math.fsum(part.all for part in _each(self._sums, self.load))),
            "FLOP / step",
            "flops.phase",
            self._how,
        )

    @cached_property
    def bytes(self) -> Figure:
        """Bytes that one device moves if it does the step alone; weights are read once in a pass."""
        alone = replace(self.load, parallel=Parallel())
        sums = summed(self.counts, alone)
        passes = alone.micro_batches if alone.phase == "train" else 1
        moved = passes * math.fsum(w.bytes * w.times for stage in works(sums, alone) for w in stage)
        low, high = _BYTES_BAND
        moved = round(moved)
        return Figure(moved, "bytes / step", "bytes.step", self._how, "prior", low * moved, high * moved)

    @cached_property
    def distinct(self) -> Distinct | None:
        """Experts that a pass touches; None where nothing is routed."""
        return _distinct(self._sums, pooled(here(self.load)))

    @cached_property
    def memory(self) -> Memory:
        """Of the fullest device."""
        found = (training if self.load.phase == "train" else inference)(self.counts, self.load)
        if self.load.offload is None or self.load.offload.way == "host":
            return found
        # Room for what one layer fetches.
        fetched = (w.weights for stage in works(self._sums, self.load) for w in stage if w.grouped)
        return found.and_held("fetched experts", prior(max(fetched, default=0.0), "memory.fetched"))

    @cached_property
    def beside(self) -> Figure | None:
        """Bytes that experts take on the host or its drive; None where all lie on devices."""
        how = self.load.offload
        if how is None:
            return None
        experts = sum(part.times * part.routed for part in self.counts.parts)
        if self.load.phase == "train":
            stored = experts * host_bytes(self.load)
        else:
            sizes = (p.times * role_bytes(p, self.load.weights).get("expert", 0.0) for p in self.counts.parts)
            stored = sum(sizes)
        return exact(stored * how.share, "bytes", "memory.host", layers=how.layers)

    @cached_property
    def _sums(self) -> Counts:
        """The same counts for sums over all layers."""
        return summed(self.counts, self.load)

    @property
    def _how(self) -> tuple[tuple[str, Input], ...]:
        return (("phase", self.load.phase), ("batch", self.load.batch), ("context", self.load.context))


def _each(counts: Counts, load: Scenario) -> Iterator[PartWork]:
    return (_work(counts, part, load) for part in running(counts, load.phase))


def _work(counts: Counts, part: PartCount, load: Scenario) -> PartWork:
    """FLOPs of a part; the head answers at the last token of each sequence, in training at every one."""
    each = part_flops(part, load.context)
    # Where an example has one answer, its work is counted for each of its tokens.
    apart = part.kind == "head" and counts.design.task.answers_tokens
    rows = answers(counts, load) if apart else load.rows
    body = part.placed.part.body if part.placed else None
    attention = each.attention
    if isinstance(body, Mixer) and load.phase == "decode":
        keys, macs = pairs(counts, part, body, load)
        attention = 2 * part.times * keys * macs
    passes = load.micro_batches if load.phase == "train" else 1
    once = each.once * passes
    forward = rows * (each.gemm + attention + each.other) + once
    if load.phase != "train":
        return PartWork(part.pointer, part.kind, forward)
    again = forward if load.training.recompute == "full" and part.placed else 0.0
    return PartWork(part.pointer, part.kind, forward, rows * each.backward + 2 * once, again)


def _distinct(counts: Counts, load: Scenario) -> Distinct | None:
    """Of one routed layer, on average over layers; the band is of one layer in one pass."""
    value = most = spread = turns = all_of_them = 0.0
    for part in running(counts, load.phase):
        if part.groups:
            turns += part.times
            value += part.times * sum(hits(part, load))
            most += part.times * sum(most_touched(part, load))
            spread += part.times * variance(part, load)
            all_of_them += part.times * sum(group.experts for group in part.groups)
    if not turns:
        return None
    mean, wide = value / turns, Z * math.sqrt(spread / turns)
    formula = "coverage.measured" if counts.measured else "coverage.uniform"
    there, alike = all_of_them / turns, load.correlation or 1.0
    inputs = (("experts", there), ("tokens", load.rows), ("correlation", alike))
    band = (max(0.0, mean - wide), max(mean, min(there, mean + wide)))
    figure = Figure(mean, "experts", formula, inputs, "rule checked", *band)
    return Distinct(figure, most / turns, there)
