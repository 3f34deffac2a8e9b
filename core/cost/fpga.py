"""Bounds of an FPGA that runs a design on one reused matrix engine, experts in expert order (as Edge-MoE).

An engine of Ti x To multiply-adds a cycle takes n * ceil(out / To) * ceil(in / Ti) + fill cycles for n rows.
Each weight that is touched is loaded once, behind the computation of what came before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from core.cost.count import Counts
from core.cost.devices.fabric import Fabric
from core.cost.figure import Figure, exact
from core.cost.onchip import Buffer, dsp_per_mac, place
from core.cost.op import Bound, Op
from core.cost.parts import PartCount
from core.cost.scenario import Scenario
from core.cost.work import answers, hits, pairs, running
from core.design.base import Weight
from core.design.bodies.base import Mixer
from core.design.bodies.moe import Moe

ENGINES = ((8, 8), (8, 16), (16, 16), (16, 32), (32, 32), (32, 64), (64, 64))
#: Adder tree, multiplier and pipeline registers, paid once for each call.
_FILL = 25
_ACCUMULATOR_BITS = 32
#: Words that a streamed weight buffer holds, so that bursts hide the latency of the memory.
_BURST = 512
#: Published designs against their ideal cycles: 10 and 90 % factors.
_CYCLES_BAND = (0.95, 1.7)


@dataclass(frozen=True)
class Engine:
    """`ti` inputs times `to` outputs each cycle, operands of these bits."""

    ti: int
    to: int
    weight_bits: int = 8
    activation_bits: int = 8

    @property
    def macs(self) -> int:
        """Multiply-adds a cycle, P."""
        return self.ti * self.to

    def tiles(self, weight: Weight) -> int:
        """Cycles that one row takes with one copy of a weight."""
        outputs, inputs = weight.shape
        return math.ceil(inputs / self.ti) * math.ceil(outputs / self.to)

    def __str__(self) -> str:
        return f"{self.ti}x{self.to} w{self.weight_bits}a{self.activation_bits}"


@dataclass(frozen=True)
class Use:
    """A resource: how much is needed, how much is there."""

    name: str
    used: Figure
    available: float

    @property
    def share(self) -> float:
        """Used of what is there; above one it does not fit."""
        return self.used.value / self.available


@dataclass(frozen=True)
class Fit:
    """A design on a board with one engine: resources, operators, seconds of a step.

    `hidden_rows` is P / B: an expert with at least so many tokens hides the load of the next one. `change`
    names the smallest single change that makes it fit, where one was found.
    """

    board: Fabric
    engine: Engine
    uses: tuple[Use, ...]
    ops: tuple[Op, ...]
    seconds: Figure
    hidden_rows: float
    change: str = ""

    @property
    def fits(self) -> bool:
        """Whether every resource suffices."""
        return all(use.share <= 1 for use in self.uses)


def fit(counts: Counts, load: Scenario, board: Fabric, bits: tuple[int, int] = (8, 8)) -> Fit:
    """The fastest of `ENGINES` that fits; where none does, the one that misses least, with a change.

    `bits` of weights and activations. Raises ValueError for training, and for widths that are not costed.
    """
    if load.phase == "train":
        raise ValueError("An FPGA does not train here. To fix this, choose prefill or decode.")
    tries = [on_engine(counts, load, board, Engine(ti, to, *bits)) for ti, to in ENGINES]
    fitting = [one for one in tries if one.fits]
    if fitting:
        return min(fitting, key=lambda one: (one.seconds.value, one.engine.macs))
    best = min(tries, key=_overshoot)
    return replace(best, change=_change(counts, load, best))


def _overshoot(one: Fit) -> tuple[float, float]:
    return sum(max(0.0, use.share - 1) for use in one.uses), one.seconds.value


def on_engine(counts: Counts, load: Scenario, board: Fabric, engine: Engine) -> Fit:
    """A design on one given engine, whether it fits or not."""
    ops = tuple(_ops(counts, load, board, engine))
    seconds = sum(op.seconds for op in ops)
    low, high = _CYCLES_BAND
    inputs = (("engine", str(engine)), ("clock", board.clock[1]), ("bytes/s", board.stream))
    loaded = board.stream / (board.clock[1] * engine.weight_bits / 8)
    return Fit(
        board,
        engine,
        tuple(_uses(counts, load, board, engine)),
        ops,
        Figure(seconds, "s", "fpga.step", inputs, "prior", seconds * low, seconds * high),
        engine.macs / min(engine.macs, loaded),
    )


def _ops(counts: Counts, load: Scenario, board: Fabric, engine: Engine) -> Iterator[Op]:
    for part in running(counts, load.phase):
        for name, macs, cycles, moved in _works(counts, part, load, engine):
            compute, memory = cycles / board.clock[1], moved / board.stream
            bound: Bound = "compute" if compute > memory else "memory"
            times = part.times
            seconds = times * max(compute, memory)
            yield Op(name, part.pointer, 2 * times * macs, times * moved, seconds, bound)


_Work = tuple[str, float, float, float]


def _works(counts: Counts, part: PartCount, load: Scenario, engine: Engine) -> Iterator[_Work]:
    """Name, multiply-adds, cycles and bytes from memory of the operators of one turn."""
    rows = float(answers(counts, load) if part.kind == "head" else load.rows)
    common = [w for w in _weights(counts, part) if w.role != "expert"]
    if common:
        macs = sum(w.size for w in common)
        cycles = sum(w.copies * (rows * engine.tiles(w) + _FILL) for w in common)
        yield part.kind, rows * macs, cycles, macs * engine.weight_bits / 8
    if part.placed and isinstance(part.placed.part.body, Mixer) and part.pair_macs:
        yield _attention(counts, part, part.placed.part.body, load, engine)
    if part.groups:
        yield from _experts(counts, part, load, engine)


def _weights(counts: Counts, part: PartCount) -> list[Weight]:
    """Matrices of a part, or of the two ends of the model."""
    found = part.weights
    if part.kind == "head":
        # A tied head owns none and multiplies all the same.
        found = tuple(counts.design.task.output_weights(counts.design.width))
    served = (w for w in found if w.by == "token" and not w.trains_only)
    return [w for w in served if w.gemm and len(w.shape) == 2]


def _attention(counts: Counts, part: PartCount, body: Mixer, load: Scenario, engine: Engine) -> _Work:
    keys, pair = pairs(counts, part, body, load)
    cycles = load.rows * math.ceil(keys * pair / engine.macs) + 2 * _FILL
    stored = keys if load.phase == "decode" else load.context
    cached = load.batch * stored * body.kv_elements(counts.design.width)
    return "attention", load.rows * keys * pair, cycles, cached * engine.activation_bits / 8


def _experts(counts: Counts, part: PartCount, load: Scenario, engine: Engine) -> Iterator[_Work]:
    """Experts one after another: each that has tokens is loaded once, whatever their number."""
    body = part.placed.part.body if part.placed else None
    asks = body.router.score.asks if isinstance(body, Moe) else ()
    banked = [w for w in _weights(counts, part) if w.role == "expert"]
    for i, (group, hit) in enumerate(zip(part.groups, hits(part, load), strict=True)):
        own = banked
        if isinstance(body, Moe):
            own = [w for w in body.experts[i].weights(body.outer(counts.design.width), "expert") if w.gemm]
        cycles = 0.0
        for w in own:
            every = w.name in asks
            rows = load.rows * (group.experts if every else group.rows)
            cycles += rows * engine.tiles(w) + (group.experts if every else hit) * _FILL
        moved = (hit * group.parameters + (group.experts - hit) * group.always) * engine.weight_bits / 8
        yield "experts", load.rows * group.token_macs, cycles, moved


def _uses(counts: Counts, load: Scenario, board: Fabric, engine: Engine) -> Iterator[Use]:
    dsps = engine.macs * dsp_per_mac(engine.weight_bits, engine.activation_bits)
    yield Use("DSP", _checked(dsps, "slices", "fpga.dsp", 0.1), board.dsp)
    brams, urams = place(buffers(counts, load, engine), board.bram36, board.uram)
    yield Use("BRAM36", _checked(brams, "tiles", "fpga.memory", 0.15), board.bram36)
    yield Use("URAM", _checked(urams, "blocks", "fpga.memory", 0.15), board.uram)
    matrices = sum(part.times * part.matrices for part in counts.parts)
    cache = load.batch * counts.kv_elements(load.context) * engine.activation_bits / 8
    stored = matrices * engine.weight_bits / 8 + (counts.total - matrices) * 2 + cache
    yield Use("DRAM", exact(stored, "bytes", "fpga.dram", bits=engine.weight_bits), board.dram)


def _checked(value: float, unit: str, formula: str, band: float) -> Figure:
    return Figure(value, unit, formula, (), "rule checked", value * (1 - band), value * (1 + band))


def buffers(counts: Counts, load: Scenario, engine: Engine) -> tuple[Buffer, ...]:
    """Memories of the template. Width, not capacity, decides on weights: a tile is read every cycle."""
    matrices = [w for part in counts.parts if part.placed for w in _weights(counts, part)]
    width, words, rows = counts.design.width, _BURST, load.rows
    if load.phase == "prefill":
        # Reused over tokens, so a whole matrix stays on the chip.
        words = max((engine.tiles(w) for w in matrices), default=1)
    inner = max([width, *(w.shape[1] for w in matrices)])
    held = [
        Buffer("weights", words, engine.macs * engine.weight_bits, banks=2),
        Buffer("activations", math.ceil(rows * inner / engine.ti), engine.ti * engine.activation_bits),
        Buffer("results", math.ceil(rows * width / engine.to), engine.to * _ACCUMULATOR_BITS),
    ]
    queues = max((sum(group.experts for group in part.groups) for part in counts.parts), default=0)
    if queues:
        token = math.ceil(math.log2(max(2, rows)))
        held.append(Buffer("expert queues", rows, token + 16, banks=queues))
    return tuple(held)


def _change(counts: Counts, load: Scenario, best: Fit) -> str:
    """The first of the usual single changes after which some engine fits."""
    bits = (best.engine.weight_bits, best.engine.activation_bits)
    options = [
        (f"w{w}a{a}", load, (w, a)) for w, a in ((8, 8), (4, 8), (4, 4)) if w <= bits[0] and a <= bits[1]
    ]
    shorter = [replace(load, context=load.context // n) for n in (2, 4, 8, 16) if load.context >= n]
    options += [(f"a context of {s.context}", s, bits) for s in shorter]
    for words, asked, (w, a) in options:
        for ti, to in ENGINES:
            engine = Engine(ti, to, w, a)
            if all(use.share <= 1 for use in _uses(counts, asked, best.board, engine)):
                return f"{words} would fit, on an engine of {ti}x{to}"
    return ""
