"""One entry for pages and command line: what a design costs on a target, and the strip below the canvas."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.cost import fpga, gpu, memory
from core.cost.count import Counts, count
from core.cost.devices import registry
from core.cost.devices.base import Processor
from core.cost.devices.fabric import Fabric
from core.cost.figure import Figure, exact
from core.cost.flops import flops
from core.cost.format import digits, percent, size
from core.cost.formats import Format, Widths, widths
from core.cost.gpu import Op
from core.cost.rates import Measured
from core.cost.scenario import PHASES, Phase, Scenario
from core.cost.training import training
from core.design.spec import Design

_MOST = 10**9


@dataclass(frozen=True)
class Estimate:
    """A step of a design on a target. `step` is seconds, `rate` tokens a second.

    `needs` and `has` are bytes of memory; `fits` says whether everything suffices, `lacks` what does not, and
    `change` what would. `fit` holds the resources of an FPGA.
    """

    target: str
    title: str
    load: Scenario
    counts: Counts
    step: Figure
    rate: Figure
    ops: tuple[Op, ...]
    host: float
    needs: memory.Memory
    has: float
    lacks: tuple[str, ...]
    source: str
    change: str = ""
    fit: fpga.Fit | None = None

    @property
    def fits(self) -> bool:
        """Whether the target holds it."""
        return not self.lacks


def estimate(
    design: Design,
    target: str,
    *,
    phase: str = "decode",
    batch: int = 1,
    context: int | None = None,
    weights: str | None = None,
    measured: Measured | None = None,
) -> Estimate:
    """Cost of one step of `design` on `target` (`core.cost.devices.registry.names`).

    `context` S or C in tokens, by default the task's own; `weights` a number format (`core.cost.formats`), or
    such as `w8a8` on an FPGA; `measured` rows of experts from a trace. Raises ValueError in words for a user.
    """
    asked = _phase(design, phase)
    tokens = design.task.tokens if context is None else context
    for name, value in (("batch", batch), ("context", tokens)):
        if not 1 <= value <= _MOST:
            raise ValueError(f"A {name} of {value} makes no sense. To fix this, use 1 to {_MOST}.")
    return _on(count(design, measured, training=asked == "train"), target, asked, batch, tokens, weights)


def _on(counts: Counts, target: str, phase: Phase, batch: int, tokens: int, weights: str | None) -> Estimate:
    on = registry.device(target)
    if isinstance(on, Fabric):
        return _on_fabric(counts, on, phase, batch, tokens, weights or "w8a8")
    return _on_processor(counts, on, phase, batch, tokens, weights)


def _phase(design: Design, phase: str) -> Phase:
    for known in PHASES:
        if phase == known:
            if known == "decode" and not design.task.causal_loss:
                raise ValueError("Only a language model decodes token by token. To fix this, use prefill.")
            return known
    raise ValueError(f"There is no phase {phase!r}. To fix this, use one of: {', '.join(PHASES)}.")


def _on_processor(
    counts: Counts, on: Processor, phase: Phase, batch: int, tokens: int, weights: str | None
) -> Estimate:
    chosen = widths(weights or on.compute)
    load = Scenario(phase, batch, tokens, chosen, on.compute)
    step = gpu.step(counts, load, on)
    needs = (training if phase == "train" else memory.inference)(counts, load, on.reserved)
    total = needs.total.value
    lacks = () if total <= on.usable else (_short("memory", total, on.usable),)
    inputs = (("target", on.name), ("batch", batch), ("context", tokens), ("weights", chosen.name))
    seconds = Figure(
        step.seconds,
        _unit(counts, phase),
        "gpu.step",
        inputs,
        step.grade,
        step.low,
        step.high,
    )
    return Estimate(
        on.name, on.title, load, counts, seconds, _rate(seconds, load.rows), step.ops, step.host,
        needs, on.usable, lacks, on.source,
    )  # fmt: skip


def _on_fabric(counts: Counts, on: Fabric, phase: Phase, batch: int, tokens: int, weights: str) -> Estimate:
    match = re.fullmatch(r"w(\d{1,2})a(\d{1,2})", weights)
    if match is None:
        raise ValueError(
            f"An FPGA takes bits of weights and activations, such as w8a8, not {weights!r}."
            " To fix this, use w8a8, w4a8, w16a16 or alike."
        )
    stored = Widths(weights, Format(weights, int(match[1])), {}, {})
    load = Scenario(phase, batch, tokens, stored, weights)
    fit = fpga.fit(counts, load, on, (int(match[1]), int(match[2])))
    seconds = Figure(
        fit.seconds.value, _unit(counts, phase), fit.seconds.formula, fit.seconds.inputs, fit.seconds.grade,
        fit.seconds.low, fit.seconds.high,
    )  # fmt: skip
    lacks = tuple(_short(use.name, use.used.value, use.available) for use in fit.uses if use.share > 1)
    dram = next(use for use in fit.uses if use.name == "DRAM")
    needs = memory.Memory((("weights and cache", dram.used),))
    return Estimate(
        on.name, on.title, load, counts, seconds, _rate(seconds, load.rows), fit.ops, 0.0,
        needs, on.dram, lacks, on.source, fit.change, fit,
    )  # fmt: skip


def _unit(counts: Counts, phase: Phase) -> str:
    asked = "prompt" if counts.design.task.causal_loss else "example"
    return f"s / {({'decode': 'token', 'prefill': asked, 'train': 'step'})[phase]}"


def _rate(seconds: Figure, tokens: int) -> Figure:
    low = None if seconds.high is None else tokens / seconds.high
    high = None if seconds.low is None else tokens / seconds.low
    value = tokens / seconds.value
    return Figure(value, "tok/s", "gpu.rate", (("tokens", tokens),), seconds.grade, low, high)


def _short(what: str, needed: float, there: float) -> str:
    if what in ("memory", "DRAM"):
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
        Cell("Weights, bf16", memory.weight_bytes(counts, widths("bf16"))),
    ]
    language = design.task.causal_loss
    phase: Phase = "decode" if language else "prefill"
    for target, weights in STRIP:
        found = _on(counts, target, phase, 1, context, weights)
        words = f"{found.title}, {'decode batch 1' if language else 'one example'}"
        label = words if target == "h100-sxm" else f"{found.title}, {weights}"
        cells.append(Cell(label, found.step if found.fits else None, "; ".join(found.lacks)))
    return tuple(cells)
