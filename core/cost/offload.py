"""Experts that do not fit: computed where they lie, by the host, or fetched over a slower way each time.

U distinct experts of a step; popular experts that stay on the device are found there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.cost.count import Counts
from core.cost.devices.base import Processor
from core.cost.efficiency import Constants, fitted, seconds, table
from core.cost.gpu import Bound, Op, Step, timed
from core.cost.scenario import Scenario
from core.cost.works import Work, works

#: Bytes/s of one NVMe drive on four lanes of PCIe 4, sequential reads; a prior.
NVME = 7e9
#: Seconds that device and host wait for each other, twice a layer; a prior.
_MEET = 15e-6


def found(chances: Sequence[float], kept: int) -> float:
    """Share of choices that meet one of the `kept` most popular experts: sum of their p_e over K."""
    ranked = sorted(chances, reverse=True)
    whole = sum(ranked)
    return sum(ranked[:kept]) / whole if whole else 0.0


def computed_by_host(
    counts: Counts,
    load: Scenario,
    on: Processor,
    host: Processor,
    layers: int,
    constants: Constants | None = None,
) -> Step:
    """A step in which the experts of so many routed layers lie in the host's memory, and it computes them.

    Device and host wait for each other. Raises ValueError for a plan of several devices, or too many layers.
    """
    c = constants or fitted()
    (stage,), routed = _alone(counts, load, c), _routed(counts)
    _enough(layers, routed)
    share = layers / routed
    stays = tuple(replace(w, times=w.times * (1 - share)) if w.grouped else w for w in stage)
    moved = [replace(w, times=w.times * share) for w in stage if w.grouped]
    whole = timed((stays,), counts, load, on, c)
    rows = table(moved, load, host, "ggml")
    compute, memory = seconds(rows, c, "ggml", host.bandwidth)
    launch = c.launch(load, "ggml")
    each = load.rows * counts.design.width * 4 / (on.pcie or on.bandwidth) + 2 * _MEET
    ops = [
        _on_host(work, computes, moves, work.kernels * launch + each)
        for work, computes, moves in zip(moved, compute.tolist(), memory.tolist(), strict=True)
    ]
    return _with(whole, ops)


def fetched(
    counts: Counts,
    load: Scenario,
    on: Processor,
    *,
    missed: float = 1.0,
    speed: float | None = None,
    constants: Constants | None = None,
) -> Step:
    """A step that fetches the share `missed` of the experts it touches at `speed` bytes/s (None: over PCIe).

    What is fetched is not needed before it is there, so nothing overlaps. Raises ValueError without a way.
    """
    c = constants or fitted()
    way = speed or on.pcie
    if not 0 <= missed <= 1 or not way:
        raise ValueError("Fetching needs a share from 0 to 1 and a way. To fix this, give bytes/s of it.")
    (stage,) = _alone(counts, load, c)
    whole = timed((stage,), counts, load, on, c)
    ops = []
    for work in stage:
        if work.grouped:
            took = work.times * missed * work.weights / (way * c.values["link"])
            moved = work.times * missed * work.weights
            ops.append(Op("fetched experts", work.pointer, 0.0, moved, took, "network"))
    return _with(whole, ops)


def _alone(counts: Counts, load: Scenario, c: Constants) -> tuple[tuple[Work, ...], ...]:
    if load.parallel.devices > 1 or load.phase == "train":
        raise ValueError("Experts move to a host while one device serves. To fix this, leave the plan out.")
    return works(counts, load, c.values["together"])


def _routed(counts: Counts) -> int:
    return sum(part.times for part in counts.parts if part.groups)


def _enough(layers: int, routed: int) -> None:
    if not 0 <= layers <= routed:
        raise ValueError(f"There are {routed} routed layers, not {layers}. To fix this, use 0 to {routed}.")


def _on_host(work: Work, computes: float, moves: float, waits: float) -> Op:
    bound: Bound = "overhead" if waits > max(computes, moves) else "compute" if computes > moves else "memory"
    n = work.times
    return Op(
        "experts on the host", work.pointer, n * work.flops, n * work.bytes, n * (computes + moves + waits),
        bound, n * computes, n * moves, n * waits,
    )  # fmt: skip


def _with(whole: Step, ops: Sequence[Op]) -> Step:
    """More operators, and the band as wide as before."""
    longer = 1 + sum(op.seconds for op in ops) / whole.seconds
    return replace(whole, ops=(*whole.ops, *ops), low=whole.low * longer, high=whole.high * longer)
