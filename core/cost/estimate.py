"""One entry for pages and command line: what a design costs on a target, and the strip below the canvas."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Unpack

from core.cost import fpga, gpu
from core.cost.asking import Asked, RefusedError, refused, scenario
from core.cost.asking import without_design as no_sense
from core.cost.caveats import caveats
from core.cost.count import Counts, count
from core.cost.demand import Demand
from core.cost.devices import registry
from core.cost.devices.base import Processor
from core.cost.devices.fabric import Fabric
from core.cost.efficiency import STACKS, Class
from core.cost.figure import Figure, exact
from core.cost.flops import flops
from core.cost.format import digits, percent, size
from core.cost.formats import Format, Widths, widths
from core.cost.gpu import Step
from core.cost.memory import Memory, weight_bytes
from core.cost.op import Bound, Op
from core.cost.rates import Measured
from core.cost.scenario import Phase, Scenario
from core.design.problems import Problem
from core.design.spec import Design


@dataclass(frozen=True)
class Estimate:
    """A step of a design on a target. `step` is seconds, `rate` tokens a second of all devices together.

    `asks` is what it would ask of any device. `needs` and `has` are bytes of memory of one device; `fits`
    says whether everything suffices, `lacks` what does not, and `change` what would. `bound` is what takes
    most of the time. `fit` holds the resources of an FPGA. `caveats` say what it rests on, and `software` is
    the class of it whose constants hold; None on an FPGA.
    """

    target: str
    title: str
    load: Scenario
    counts: Counts
    step: Figure
    rate: Figure
    ops: tuple[Op, ...]
    host: float
    bound: Bound
    asks: Demand
    needs: Memory
    has: float
    lacks: tuple[str, ...]
    source: str
    change: str = ""
    fit: fpga.Fit | None = None
    caveats: tuple[str, ...] = ()
    software: Class | None = None

    @property
    def fits(self) -> bool:
        """Whether the target holds it."""
        return not self.lacks

    @property
    def assumed(self) -> bool:
        """Whether its software is what usually does such steps, and not the stack that was named."""
        return self.load.stack is None or STACKS[self.load.stack] != self.software


def estimate(
    design: Design, target: str, *, measured: Measured | None = None, **asked: Unpack[Asked]
) -> Estimate:
    """Cost of one step of `design` on `target` (`core.cost.devices.registry.names`).

    `asked` is what `core.cost.asking` knows; weights are such as `w8a8` on an FPGA. `measured` are rows of
    experts from a trace. Raises RefusedError with what makes no sense, each with a fix.
    """
    on = _target(design, target, asked)
    if isinstance(on, Fabric):
        if asked.get("phase") == "train":
            raise refused("/phase", "An FPGA does not train here. To fix this, choose prefill or decode.")
        bits, stored = _bits(asked)
        load = scenario(design, asked, "int8" if bits[1] <= 8 else "fp16", stored)
        return _on_fabric(_counted(design, load, measured), load, on, bits)
    load = scenario(design, asked, on.compute, on=on)
    return _on_processor(_counted(design, load, measured), load, on)


def demanded(design: Design, *, measured: Measured | None = None, **asked: Unpack[Asked]) -> Demand:
    """What a step asks of any device, where none is named. Raises RefusedError as `estimate` does."""
    load = scenario(design, asked)
    return Demand(_counted(design, load, measured), load)


def without_design(target: str | None, **asked: Unpack[Asked]) -> tuple[Problem, ...]:
    """What makes no sense of any design, for where there is none to ask of."""
    try:
        on = None if target is None else registry.device(target)
    except ValueError as error:
        return (*refused("/target", error).problems, *no_sense(asked))
    if not isinstance(on, Fabric):
        return no_sense(asked)
    found = list(no_sense(asked, formats=False))
    try:
        _bits(asked)
    except RefusedError as error:
        found += error.problems
    return tuple(found)


def _counted(design: Design, load: Scenario, measured: Measured | None) -> Counts:
    return count(design, measured, training=load.phase == "train")


def _target(design: Design, name: str, asked: Asked) -> Processor | Fabric:
    try:
        return registry.device(name)
    except ValueError as error:
        unknown = refused("/target", error)
    try:
        scenario(design, asked)
    except RefusedError as more:
        unknown = RefusedError((*unknown.problems, *more.problems))
    raise unknown


def _bits(asked: Asked) -> tuple[tuple[int, int], Widths]:
    """Bits of weights and activations on an FPGA."""
    given = asked.get("weights")
    words = "w8a8" if given is None else given
    match = re.fullmatch(r"w(\d{1,2})a(\d{1,2})", words) if isinstance(words, str) else None
    if match is None:
        raise refused(
            "/weights",
            f"An FPGA takes bits of weights and activations, such as w8a8, not {words!r}."
            " To fix this, use w8a8, w4a8, w16a16 or alike.",
        )
    bits = int(match[1]), int(match[2])
    return bits, Widths(match[0], Format(match[0], bits[0]), {}, {})


def _on_processor(counts: Counts, load: Scenario, on: Processor) -> Estimate:
    return on_processor(Demand(counts, load), on, gpu.step(counts, load, on))


def on_processor(asks: Demand, on: Processor, step: Step) -> Estimate:
    """The estimate of a step that was timed, beside what it asks."""
    counts, load = asks.counts, asks.load
    needs = asks.memory.on(on.reserved, load.parallel.devices)
    total = needs.total.value
    lacks: tuple[str, ...] = () if total <= on.usable else (_short("memory", total, on.usable),)
    how, beside = load.offload, asks.beside
    if how and beside and how.way != "nvme":
        there = how.host.memory * -(-load.parallel.devices // on.node)
        lacks += () if beside.value <= there else (_short("memory of the host", beside.value, there),)
    asked = (("target", on.name), ("batch", load.batch), ("context", load.context))
    inputs = (*asked, ("weights", load.weights.name), ("devices", load.parallel.devices))
    unit = _unit(counts, load.phase)
    seconds = Figure(step.seconds, unit, "gpu.step", inputs, step.grade, step.low, step.high)
    return Estimate(
        on.name, on.title, load, counts, seconds, _rate(seconds, load.rows), step.ops, step.host,
        step.bound, asks, needs, on.usable, lacks, on.source, caveats=caveats(load, on, step.grade),
        software=step.software,
    )  # fmt: skip


def _on_fabric(counts: Counts, load: Scenario, on: Fabric, bits: tuple[int, int]) -> Estimate:
    if load.offload is not None:
        raise refused("/offload", "An FPGA board has no host here. To fix this, leave --offload out.")
    if load.parallel.devices > 1:
        raise refused("/devices", "An FPGA board works alone here. To fix this, leave the plan out.")
    try:
        fit = fpga.fit(counts, load, on, bits)
    except ValueError as error:
        raise refused("/weights", error) from None
    seconds = replace(fit.seconds, unit=_unit(counts, load.phase))
    lacks = tuple(_short(use.name, use.used.value, use.available) for use in fit.uses if use.share > 1)
    dram = next(use for use in fit.uses if use.name == "DRAM")
    needs = Memory((("weights and cache", dram.used),))
    return Estimate(
        on.name, on.title, load, counts, seconds, _rate(seconds, load.rows), fit.ops, 0.0,
        _longest(fit.ops), Demand(counts, load), needs, on.dram, lacks, on.source, fit.change, fit,
    )  # fmt: skip


def _longest(ops: tuple[Op, ...]) -> Bound:
    """What bounds most of the time of operators."""
    time: dict[Bound, float] = {}
    for op in ops:
        time[op.bound] = time.get(op.bound, 0.0) + op.seconds
    return max(time, key=lambda bound: time[bound])


def _unit(counts: Counts, phase: Phase) -> str:
    asked = "prompt" if counts.design.task.causal_loss else "example"
    return f"s / {({'decode': 'token', 'prefill': asked, 'train': 'step'})[phase]}"


def _rate(seconds: Figure, tokens: int) -> Figure:
    low = None if seconds.high is None else tokens / seconds.high
    high = None if seconds.low is None else tokens / seconds.low
    value = tokens / seconds.value
    return Figure(value, "tok/s", "gpu.rate", (("tokens", tokens),), seconds.grade, low, high)


def _short(what: str, needed: float, there: float) -> str:
    if what in ("memory", "memory of the host", "DRAM"):
        return f"{what}: {size(needed)} of {size(there)}"
    return f"{what}: {digits(needed)} of {digits(there)}"


@dataclass(frozen=True)
class Cell:
    """One cell of the strip: a figure, or None and the reason; `note` stands beside the number."""

    label: str
    figure: Figure | None
    note: str = ""


#: Targets of the strip: name, weights.
STRIP = (("h100-sxm", "bf16"), ("zcu104", "w8a8"))
STRIP_CONTEXT = 4096


def _cell(counts: Counts, target: str, phase: Phase, context: int, weights: str) -> Estimate:
    """One step over a single sequence."""
    on = registry.device(target)
    asked: Asked = {"phase": phase, "context": context, "weights": weights}
    if isinstance(on, Fabric):
        bits, stored = _bits(asked)
        return _on_fabric(counts, scenario(counts.design, asked, "int8", stored), on, bits)
    return _on_processor(counts, scenario(counts.design, asked, on.compute), on)


def strip(design: Design, measured: Measured | None = None) -> tuple[Cell, ...]:
    """Total and active parameters, FLOPs, weight bytes, and one token (one example) on two targets.

    Contexts above 4096 tokens are cut to that, so that the cache does not hide the weights.
    """
    counts = count(design, measured).folded()
    context = min(design.task.tokens, STRIP_CONTEXT)
    active = counts.active("R1")
    share = "measured" if measured else "expected"
    cells = [
        Cell("Total parameters", exact(counts.total, "parameters", "count.total")),
        Cell(
            "Active parameters",
            exact(active, "parameters", "count.active.R1", rates=share),
            percent(active / max(1, counts.total)),
        ),
        Cell("FLOPs per token", flops(counts, context).figures()[0]),
        Cell("Weights, bf16", weight_bytes(counts, widths("bf16"))),
    ]
    language = design.task.causal_loss
    phase: Phase = "decode" if language else "prefill"
    for target, weights in STRIP:
        found = _cell(counts, target, phase, context, weights)
        words = f"{found.title}, {'decode batch 1' if language else 'one example'}"
        label = words if target == "h100-sxm" else f"{found.title}, {weights}"
        cells.append(Cell(label, found.step if found.fits else None, "; ".join(found.lacks)))
    return tuple(cells)
