"""The operators of one pass through one device, before any device is named: FLOPs, bytes, kernels.

A pass is a decode step, a prefill, or one micro-batch of training. With a parallel plan these are the
operators of the busiest device: matrices are cut `tp` ways, experts spread `ep` ways, layers `pp` ways.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from core.cost.count import Counts
from core.cost.formats import Format, number_format
from core.cost.parts import PartCount
from core.cost.scenario import Parallel, Scenario
from core.cost.spread import crowded, here, most_read, pooled, stages
from core.cost.stored import expert_bytes, role_bytes
from core.cost.work import answers, pairs, running
from core.design.bodies.base import Mixer
from core.design.bodies.moe import Moe

#: A backward of attention that recomputes its probabilities costs 2.5 forwards (arXiv 2307.08691).
_FLASH_BACKWARD = 2.5
_ROLES = (("mixer", "projections"), ("dense", "dense FFN"), ("router", "router"), ("shared", "shared"))
#: Kernels beside products: norm with residual; what routing adds (top-k, sort, activation, weighted sum).
_NORM, _ROUTING = 1, 4


@dataclass(frozen=True)
class Work:
    """One operator of one turn of a part, `times` turns in this stage.

    `side` is the smaller side of its matrices, `form` the number format of its weights.
    `grouped` marks products of routed experts, `fused` those of queries and keys. `kernels` are launches,
    `weights` the bytes that are weights of experts, `outer` the width that experts read.
    """

    name: str
    pointer: str
    times: float
    flops: float
    bytes: float
    side: float
    form: Format
    kernels: float
    grouped: bool = False
    fused: bool = False
    weights: float = 0.0
    outer: float = 0.0


#: Operators of each pipeline stage, in order.
Stages = tuple[tuple[Work, ...], ...]


def summed(counts: Counts, load: Scenario) -> Counts:
    """Counts for sums over layers: equal ones are one where the question asks nothing of a single layer."""
    return counts if load.parallel.pp > 1 or load.weights.places else counts.folded()


def works(counts: Counts, load: Scenario, together: float = 1.0) -> Stages:
    """Operators of one pass of `load` through a device of each pipeline stage; `together` as in `reached`."""
    local, plan = here(load), load.parallel
    placed = stages(counts, plan) if plan.pp > 1 else {}
    out: list[list[Work]] = [[] for _ in range(plan.pp)]
    known: dict[object, list[Work]] = {}
    for part in running(counts, load.phase):
        last = plan.pp - 1 if part.kind in ("head", "stack") else 0
        turns = placed.get(part.pointer, {last: part.times})
        # Equal parts share the tuple of their weights, and differ by place alone.
        alike = (part.kind, part.pointer) if load.weights.places or not part.placed else id(part.weights)
        same = (alike, id(part.placed.stack) if part.placed else None)
        if same not in known:
            known[same] = list(_part(counts, part, local, together))
            if load.phase == "train":
                known[same] = [_with_backward(work, part, load) for work in known[same]]
        for work in known[same]:
            for stage, times in turns.items():
                here_too = work.times == times and work.pointer == part.pointer
                out[stage].append(work if here_too else replace(work, pointer=part.pointer, times=times))
    return tuple(map(tuple, out))


def _part(counts: Counts, part: PartCount, load: Scenario, together: float) -> Iterator[Work]:
    if part.kind in ("input", "embedding", "stack", "head"):
        yield from _end(counts, part, load)
        return
    width, tp, number = counts.design.width, load.parallel.tp, _number(load)
    body = part.placed.part.body if part.placed else None
    macs, stored = dict(part.macs), role_bytes(part, load.weights)
    rows, plain = load.rows, number_format(load.numbers)
    # Norm and residual: the stream is read twice and written twice.
    yield Work(
        "norm and residual",
        part.pointer,
        part.times,
        0.0,
        4 * rows * width * number,
        width,
        plain,
        _NORM,
    )
    for role, what in _ROLES:
        if macs.get(role):
            cut = 1 if role == "router" else tp
            moved = stored.get(role, 0.0) / cut + 2 * rows * width * number
            matrices = [w for w in part.weights if w.gemm and w.role == role and len(w.shape) > 1]
            side = min(width, macs[role] / width / cut)
            form = load.weights.matrices(role)
            kernels = max(1, len(matrices)) + sum(w.role == "norm" for w in part.weights if role == "mixer")
            yield Work(
                what, part.pointer, part.times, 2 * rows * macs[role] / cut, moved, side, form, kernels
            )
    if isinstance(body, Mixer) and (part.pair_macs or body.state_elements(width)):
        yield _attention(counts, part, body, load)
    if part.groups:
        yield _experts(counts, part, load, together)


def _number(load: Scenario) -> float:
    """Bytes of a number of an activation."""
    return number_format(load.numbers).width / 8


def _end(counts: Counts, part: PartCount, load: Scenario) -> Iterator[Work]:
    width, number, tp = counts.design.width, _number(load), load.parallel.tp
    if part.kind == "input":
        form = load.weights.matrices("embedding")
        moved = part.gemm_macs * form.width / 8 + 2 * load.rows * width * number
        flops = 2 * load.rows * part.gemm_macs
        yield Work("embedding", part.pointer, 1, flops, moved, width, form, 1)
    elif part.kind == "head":
        rows, form = answers(counts, load), load.weights.matrices("head")
        outputs = sum(head.outputs for head in counts.design.task.heads_out) / tp
        moved = outputs * width * form.width / 8 + rows * (width * number + 4 * outputs)
        flops = 2 * rows * outputs * width
        yield Work("head", part.pointer, 1, flops, moved, min(width, outputs), form, 2)


def _attention(counts: Counts, part: PartCount, body: Mixer, load: Scenario) -> Work:
    width, rows, tp, number = counts.design.width, load.rows, load.parallel.tp, _number(load)
    cached = body.kv_elements(width) / min(tp, body.cache_cuts)
    state = 8.0 * load.batch * body.state_elements(width) / tp
    keys, each = pairs(counts, part, body, load)
    flops = 2 * rows * (each * keys + part.token_macs) / tp
    if load.phase == "decode":
        moved = load.batch * keys * cached * number + state
    else:
        moved = 2 * rows * (cached + width / tp) * number + state
    form = number_format(load.numbers)
    return Work(
        "attention", part.pointer, part.times, flops, moved, width, form, body.launches, fused=True
    )  # fmt: skip


def _experts(counts: Counts, part: PartCount, load: Scenario, together: float) -> Work:
    """All routed experts of a layer as one grouped product: it reads only the experts that tokens touch.

    Bytes, FLOPs and rows are those of the device that has most of each.
    """
    plan, number, pool, training = load.parallel, _number(load), pooled(load), load.phase == "train"
    body = part.placed.part.body if part.placed else None
    outer = body.outer(counts.design.width) if isinstance(body, Moe) else counts.design.width
    cut, groups = plan.ep * plan.expert_tp, part.groups
    rows = pool.rows * sum(group.rows for group in groups)
    macs = [group.macs for group in groups]
    wasted, busy = (crowded(part, rows, plan.ep, training, sizes) for sizes in (None, macs))
    each = dict(part.macs).get("expert", 0.0) + part.token_macs
    flops = 2 * (pool.rows * each / cut * busy + part.pass_macs / cut)
    sizes = [expert_bytes(part, index, load.weights) for index in range(len(groups))]
    weights = most_read(part, pool, sizes, together) / plan.expert_tp
    inner = sum(pool.rows * g.rows * g.macs / outer for g in groups)
    streamed = 2 * rows * outer * wasted + inner / plan.expert_tp * busy
    kernels = max((len([w for w in g.weights if w.gemm]) for g in groups), default=1) + _ROUTING
    return Work(
        "experts", part.pointer, part.times, flops, weights + streamed * number / plan.ep,
        _side(part, rows, outer, plan, training), load.weights.matrices("expert"), kernels,
        grouped=True, weights=weights, outer=outer,
    )  # fmt: skip


def _side(part: PartCount, rows: float, outer: float, plan: Parallel, training: bool) -> float:
    """The smaller side of experts' matrices: of unequal ones, that at which their FLOPs take as long.

    Seconds of a product grow with FLOPs and with FLOPs / side (`core.cost.efficiency`).
    """
    sides = [min(outer, max(group.macs / (3 * outer) / plan.expert_tp, 1.0)) for group in part.groups]
    working = [(g, side) for g, side in zip(part.groups, sides, strict=True) if g.rows * g.macs > 0]
    if len({side for _, side in working}) < 2:
        return working[0][1] if working else max(sides, default=1.0)
    macs = [group.macs for group in part.groups]
    narrow = [each / side for each, side in zip(macs, sides, strict=True)]
    time, all_of_it = (
        crowded(part, rows, plan.ep, training, sizes)
        * math.fsum(group.rows * size for group, size in zip(part.groups, sizes, strict=True))
        for sizes in (narrow, macs)
    )
    return all_of_it / time


def _with_backward(work: Work, part: PartCount, load: Scenario) -> Work:
    """Forward and backward: gradients of inputs (not of the data) and of weights, and what is recomputed."""
    again = load.training.recompute == "full" and part.placed is not None
    passes = (2 if part.kind == "input" else 3) + again
    flops = work.flops * (1 + _FLASH_BACKWARD + again if work.fused else passes)
    return replace(work, flops=flops, bytes=work.bytes * passes, kernels=work.kernels * passes)
