"""Seconds of a step on a GPU or CPU: a roofline for each operator, never for the model as a whole.

time = max(FLOPs / rate, bytes / (bandwidth * stream)) + launch. Phases: `prefill` reads B*S new tokens into
an empty cache, `decode` adds one token to each of B sequences that stand at C, `train` is one optimizer step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from core.cost.count import Counts, PartCount
from core.cost.devices.base import Processor
from core.cost.formats import number_format
from core.cost.scenario import Scenario
from core.cost.work import answers, hits, pairs, running
from core.design.bodies.base import Mixer
from core.design.bodies.moe import Moe

Bound = Literal["compute", "memory", "overhead"]

#: A backward of attention that recomputes its probabilities costs 2.5 forwards (arXiv 2307.08691).
_FLASH_BACKWARD = 2.5
_ATTENTION_ROWS = 128


@dataclass(frozen=True)
class Op:
    """One operator of all turns of a part: FLOPs, bytes moved, seconds, and what bounds it."""

    name: str
    pointer: str
    flops: float
    bytes: float
    seconds: float
    bound: Bound


@dataclass(frozen=True)
class Step:
    """Operators of one step over `tokens` tokens, and the host's share."""

    ops: tuple[Op, ...]
    tokens: float
    host: float

    @property
    def seconds(self) -> float:
        """Of the whole step."""
        return sum(op.seconds for op in self.ops) + self.host


@dataclass(frozen=True)
class _Work:
    """An operator of one turn before it is timed; `rows` for each weight, whose smaller side is `side`."""

    name: str
    flops: float
    bytes: float
    rows: float
    side: float
    launch: float
    flash: bool = False


def step(counts: Counts, load: Scenario, on: Processor) -> Step:
    """All operators of one step of `load` on a processor."""
    ops = [op for part in running(counts, load.phase) for op in _part_ops(counts, part, load, on)]
    if load.phase == "train":
        ops.append(_optimizer(counts, load, on))
    return Step(tuple(ops), load.rows, on.step)


def _part_ops(counts: Counts, part: PartCount, load: Scenario, on: Processor) -> Iterator[Op]:
    for work in _works(counts, part, load, on):
        if load.phase == "train":
            work = _with_backward(work, first=part.kind == "input")
        yield _timed(work, part, load, on)


def _works(counts: Counts, part: PartCount, load: Scenario, on: Processor) -> Iterator[_Work]:
    width, rows, number = counts.design.width, load.rows, number_format(load.numbers).width / 8
    macs = dict(part.macs)
    if part.kind in ("input", "embedding", "stack", "head"):
        yield from _end_works(counts, part, load, on)
        return
    body = part.placed.part.body if part.placed else None
    # Norm and residual: the stream is read twice and written twice.
    yield _Work("norm and residual", 0.0, 4 * rows * width * number, rows, width, on.launch)
    for role, what in (
        ("mixer", "projections"),
        ("dense", "dense FFN"),
        ("router", "router"),
        ("shared", "shared"),
    ):
        if macs.get(role):
            bits = load.weights.matrices(role).width / 8
            moved = macs[role] * bits + 2 * rows * width * number
            side = min(width, macs[role] / width)
            yield _Work(what, 2 * rows * macs[role], moved, rows, side, on.launch)
    if isinstance(body, Mixer) and (part.pair_macs or body.state_elements(width)):
        yield _attention(counts, part, body, load, on, number)
    if part.groups:
        yield _experts(counts, part, load, on, load.weights.matrices("expert").width / 8, number)


def _end_works(counts: Counts, part: PartCount, load: Scenario, on: Processor) -> Iterator[_Work]:
    width, number = counts.design.width, number_format(load.numbers).width / 8
    if part.kind == "input":
        moved = part.gemm_macs * load.weights.matrices("embedding").width / 8 + 2 * load.rows * width * number
        yield _Work("embedding", 2 * load.rows * part.gemm_macs, moved, load.rows, width, on.launch)
    elif part.kind == "head":
        rows = answers(counts, load)
        outputs = sum(head.outputs for head in counts.design.task.heads_out)
        moved = outputs * width * load.weights.matrices("head").width / 8 + rows * (
            width * number + 4 * outputs
        )
        yield _Work("head", 2 * rows * outputs * width, moved, rows, min(width, outputs), on.launch)


def _attention(
    counts: Counts, part: PartCount, body: Mixer, load: Scenario, on: Processor, number: float
) -> _Work:
    width, rows = counts.design.width, load.rows
    cached = body.kv_elements(width)
    state = 8.0 * load.batch * body.state_elements(width)
    keys, each = pairs(counts, part, body, load)
    flops = 2 * rows * (each * keys + part.token_macs)
    if load.phase == "decode":
        moved = load.batch * keys * cached * number + state
    else:
        moved = 2 * rows * (cached + width) * number + state
    # Decoding kernels fill their tiles with the heads of a group, so few tokens are no few rows.
    return _Work("attention", flops, moved, max(rows, _ATTENTION_ROWS), width, on.launch, flash=True)


def _experts(
    counts: Counts, part: PartCount, load: Scenario, on: Processor, bits: float, number: float
) -> _Work:
    """All routed experts of a layer as one grouped product: it reads only the experts that tokens touch."""
    body = part.placed.part.body if part.placed else None
    outer = body.outer(counts.design.width) if isinstance(body, Moe) else counts.design.width
    hit = hits(part, load)
    flops = 2 * load.rows * (dict(part.macs).get("expert", 0.0) + part.token_macs)
    rows = load.rows * sum(group.rows for group in part.groups)
    moved = sum(
        (n * group.parameters + (group.experts - n) * group.always) * bits
        for n, group in zip(hit, part.groups, strict=True)
    )
    inner = sum(load.rows * g.rows * g.macs / outer for g in part.groups)
    moved += (2 * rows * outer + inner) * number
    wide = max((group.macs / (3 * outer) for group in part.groups), default=0.0)
    side = min(outer, max(wide, 1.0))
    return _Work("experts", flops, moved, max(rows, 1e-9) / max(sum(hit), 1e-9), side, on.routed_launch)


def _with_backward(work: _Work, *, first: bool) -> _Work:
    """Forward and backward: gradients of inputs (not of the data) and of weights."""
    passes = 2 if first else 3
    flops = work.flops * (1 + _FLASH_BACKWARD if work.flash else passes)
    return replace(work, flops=flops, bytes=work.bytes * passes, launch=work.launch * passes)


def _optimizer(counts: Counts, load: Scenario, on: Processor) -> Op:
    """AdamW reads weights, gradients and two moments, and writes all but the gradients."""
    each = load.weights.default.width / 8
    copy = 0 if each == 4 else 4
    moved = counts.total * (3 * each + 2 * 8 + 2 * copy)
    work = _Work("optimizer", 12.0 * counts.total, moved, 1.0, 1.0, on.launch)
    seconds = moved / (on.bandwidth * on.stream)
    return Op(work.name, "", work.flops, moved, seconds + work.launch, "memory")


def _timed(work: _Work, part: PartCount, load: Scenario, on: Processor) -> Op:
    compute = work.flops / on.rate(work.rows, work.side, load.numbers) if work.flops else 0.0
    memory = work.bytes / (on.bandwidth * on.stream)
    longest = max(compute, memory)
    bound: Bound = "overhead" if work.launch > longest else "compute" if compute > memory else "memory"
    times = part.times
    seconds = times * (longest + work.launch)
    return Op(work.name, part.pointer, times * work.flops, times * work.bytes, seconds, bound)
