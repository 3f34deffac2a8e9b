"""Bytes that a design needs to answer, on the fullest device of a plan; the table that training shares."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.cost.count import Counts
from core.cost.figure import Figure, exact
from core.cost.formats import Widths, number_format
from core.cost.held import held
from core.cost.scenario import Scenario
from core.cost.shards import Stage, shard, staged
from core.cost.stored import Size, size_in, total_bytes
from core.design.bodies.base import Mixer

#: What frameworks keep beside the formula, and what they free early: 10 and 90 % factors, a prior.
_ACTIVATION_BAND = (0.8, 1.4)
#: Allocated memory that lies between blocks: share, 10 and 90 % marks; nothing of weights, which never move.
_FRAGMENTS = (0.035, 0.02, 0.05)
#: What collectives keep for themselves on each of several devices, bytes.
_COLLECTIVES = 0.4e9
#: Tokens of prompts that servers read at once; longer prompts pass in pieces of it.
CHUNK = 8192


@dataclass(frozen=True)
class Memory:
    """Rows of a memory table by name, for the fullest device.

    `held` are tensors and add up to the peak; `beside` is what driver and allocator hold as well. `timeline`
    are bytes of tensors at the moments of a step. `imbalance` is the fullest device's weights over the mean.
    """

    held: tuple[tuple[str, Figure], ...]
    beside: tuple[tuple[str, Figure], ...] = ()
    timeline: tuple[tuple[str, float], ...] = ()
    stage: int = 0
    imbalance: float = 1.0

    @property
    def rows(self) -> tuple[tuple[str, Figure], ...]:
        """All of them."""
        return (*self.held, *self.beside)

    def and_held(self, name: str, figure: Figure) -> Memory:
        """The same with one more row of tensors, held all the time."""
        later = tuple((moment, value + figure.value) for moment, value in self.timeline)
        return replace(self, held=(*self.held, (name, figure)), timeline=later)

    @property
    def peak(self) -> Figure:
        """Most bytes of tensors at one time, as an allocator counts them."""
        return _sum(self.held, "memory.peak")

    def on(self, reserved: float, devices: int) -> Memory:
        """The same with what a device reserves, collectives among several, and gaps between blocks."""
        own = reserved + (_COLLECTIVES if devices > 1 else 0.0)
        moves = sum(figure.value for name, figure in self.held if name not in ("weights", "cache"))
        share, low, high = _FRAGMENTS
        gaps = Figure(moves * share, "bytes", "memory.fragments", (), "prior", moves * low, moves * high)
        beside = (("framework", prior(own, "memory.reserved")), ("fragmentation", gaps))
        return replace(self, beside=beside)

    @property
    def total(self) -> Figure:
        """Bytes that a device must have; exact while every row is."""
        return _sum(self.rows, "memory.total")


def _sum(rows: tuple[tuple[str, Figure], ...], formula: str) -> Figure:
    figures = [figure for _, figure in rows]
    value = sum(f.value for f in figures)
    names = tuple((name, f.value) for name, f in rows)
    if all(f.grade == "exact" for f in figures):
        return Figure(value, "bytes", formula, names)
    low = sum(f.value if f.low is None else f.low for f in figures)
    high = sum(f.value if f.high is None else f.high for f in figures)
    return Figure(value, "bytes", formula, names, "prior", low, high)


def weight_bytes(counts: Counts, weights: Widths) -> Figure:
    """Bytes of all parameters, scales included; norms, biases and routers stay at 16 bits or more."""
    return exact(total_bytes(counts, weights), "bytes", "memory.weights", weights=weights.name)


def inference(counts: Counts, load: Scenario) -> Memory:
    """Weights, cache, and the largest live set of a step, on the fullest device of the plan."""
    plan = load.parallel
    parts = counts if plan.pp > 1 or load.weights.places else counts.folded()
    size = staying(size_in(load.weights), load)
    found = []
    for index, stage in enumerate(staged(parts, plan)):
        weights = shard(stage, plan, size, apart=bool(load.weights.places))
        rows = (
            ("weights", exact(weights.most, "bytes", "memory.weights", weights=load.weights.name)),
            ("cache", _cache(parts, stage, load)),
            ("activations", prior(_live(parts, stage, load), "memory.inference_peak")),
        )
        found.append(Memory(rows, (), (), index, weights.imbalance))
    return max(found, key=lambda memory: memory.peak.value)


def staying(size: Size, load: Scenario) -> Size:
    """The same, with only those experts that lie on devices."""
    if load.offload is None:
        return size
    return lambda weight, pointers: size(weight, pointers) * (load.kept if weight.role == "expert" else 1)


def _cache(counts: Counts, stage: Stage, load: Scenario) -> Figure:
    """Keys, values and states of the sequences of a device, for what adds tokens to them."""
    width, plan, value = counts.design.width, load.parallel, 0.0
    sequences, number = -(-load.batch // plan.dp), number_format(load.numbers).width / 8
    for part, turns in stage:
        body = part.placed.part.body if part.placed else None
        if isinstance(body, Mixer) and counts.design.task.causal_loss:
            keys = body.cached_keys(load.context) * body.kv_elements(width) / min(plan.tp, body.cache_cuts)
            keys += load.context * body.index_elements(width)
            value += turns * (keys * number + 4 * body.state_elements(width) / plan.tp)
    return exact(
        sequences * value, "bytes", "memory.kv", batch=sequences, context=load.context, numbers=load.numbers
    )


def _live(counts: Counts, stage: Stage, load: Scenario) -> float:
    """Largest live set of a forward: stream, normed input, and what the widest part holds; or the logits."""
    width, plan, number = counts.design.width, load.parallel, number_format(load.numbers).width / 8
    sequences = -(-load.batch // plan.dp)
    tokens = sequences if load.phase == "decode" else min(CHUNK, sequences * load.context)
    wide = 0.0
    for part, _ in stage:
        mine = held(part, width, plan, tokens)
        wide = max(wide, (mine.inner + mine.rows + mine.hidden) * number + 4 * mine.single * plan.tp)
    # In serving, every device of a tensor-parallel group holds the whole stream.
    stream = tokens * (2 * width * number + wide)
    ends = any(part.kind == "head" for part, _ in stage)
    every = counts.design.task.answers_tokens and not counts.design.task.causal_loss
    rows = tokens if every else sequences
    logits = 4.0 * rows * sum(head.outputs for head in counts.design.task.heads_out) / plan.tp
    return max(stream, logits if ends else 0.0)


def prior(value: float, formula: str) -> Figure:
    """Bytes of activations: what frameworks keep and free differs."""
    low, high = _ACTIVATION_BAND
    return Figure(value, "bytes", formula, (), "prior", value * low, value * high)
