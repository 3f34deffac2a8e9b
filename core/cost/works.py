"""The operators of one pass through one device, before any device is named: FLOPs, bytes, rows, kernels.

A pass is a decode step, a prefill, or one micro-batch of training. With a parallel plan these are the
operators of the busiest device: matrices are cut `tp` ways, experts spread `ep` ways, layers `pp` ways.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from core.cost.count import Counts, PartCount
from core.cost.formats import Format, number_format
from core.cost.scenario import Scenario
from core.cost.spread import fullest, most_touched, pooled
from core.cost.stored import expert_bytes, role_bytes
from core.cost.work import answers, hits, pairs, running
from core.design.bodies.base import Mixer
from core.design.bodies.moe import Moe

#: A backward of attention that recomputes its probabilities costs 2.5 forwards (arXiv 2307.08691).
_FLASH_BACKWARD = 2.5
_ROLES = (("mixer", "projections"), ("dense", "dense FFN"), ("router", "router"), ("shared", "shared"))
#: Kernels beside products: norm with residual; positions, cache and attention; top-k, sort, activation, sum.
_NORM, _MIXING, _ROUTING = 1, 2, 4


@dataclass(frozen=True)
class Work:
    """One operator of one turn of a part.

    `rows` meet each weight matrix, whose smaller side is `side`; `form` is the number format of its weights.
    `grouped` marks the products of routed experts, `fused` those of queries with keys. `kernels` are launches.
    """

    name: str
    pointer: str
    times: float
    flops: float
    bytes: float
    rows: float
    side: float
    form: Format
    kernels: float
    grouped: bool = False
    fused: bool = False


def works(counts: Counts, load: Scenario) -> tuple[Work, ...]:
    """Operators of a pass of `load` through a device of the busiest stage, in order."""
    here = load.here()
    stages = _stages(counts, load.parallel.pp) if load.parallel.pp > 1 else None
    found: list[tuple[int, Work]] = []
    for part in running(counts, load.phase):
        for work in _part(counts, part, load, here):
            if load.phase == "train":
                work = _with_backward(work, load, first=part.kind == "input")
            for stage, times in stages[part.pointer, part.kind].items() if stages else ((0, part.times),):
                found.append((stage, replace(work, times=times)))
    return tuple(work for _, work in found)
