"""Experts that do not lie on a device: computed where they lie, by the host, or fetched in every pass.

Device and host wait for each other, and what is fetched is not needed before it is there: nothing overlaps.
In training, experts are fetched for the forward and for the backward, their gradients travel back, and the
host updates what lies there (arXiv 2101.06840, 2104.07857).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.cost.devices.base import Processor
from core.cost.efficiency import Class, Constants, seconds, table
from core.cost.op import Op, op
from core.cost.scenario import Offload, Scenario
from core.cost.spread import here
from core.cost.works import Work

#: Bytes/s of one NVMe drive on four lanes of PCIe 4, sequential reads; a prior.
NVME = 7e9
#: Seconds that device and host wait for each other, twice a layer; a prior.
_MEET = 15e-6
#: Kernels of the host are those of llama.cpp and its kin.
_HOST: Class = "ggml"


def staying(stage: Sequence[Work], how: Offload) -> Sequence[Work]:
    """What the device computes itself."""
    if how.way != "host":
        return stage
    stays = (replace(w, times=w.times * (1 - how.share)) if w.grouped else w for w in stage)
    return [work for work in stays if work.times]


def away(stage: Sequence[Work], load: Scenario, on: Processor, c: Constants, passes: int) -> list[Op]:
    """What experts of a stage that lie elsewhere add, in all passes."""
    how = load.offload
    gone = [replace(w, times=w.times * how.share) for w in stage if w.grouped and how.share] if how else []
    if how is None or not gone:
        return []
    if how.way == "host":
        return _computed(gone, load, on, how, c, passes)
    trips, speed = 3 if load.phase == "train" else 1, _speed(load, on, how, c)
    moved = [(work.pointer, work.times * passes * trips * work.weights) for work in gone]
    return [Op("fetched experts", at, 0.0, size, size / speed, "network") for at, size in moved]


def _computed(
    gone: Sequence[Work], load: Scenario, on: Processor, how: Offload, c: Constants, passes: int
) -> list[Op]:
    """Experts on the host, which all devices of a node share."""
    sharing = min(load.parallel.devices, on.node)
    compute, memory = seconds(table(gone, load, how.host, _HOST), c, _HOST, how.host.bandwidth)
    # A token's row travels there and back, in float32.
    row = here(load).rows * max(work.outer for work in gone) * 4
    meets = (2 if load.phase == "train" else 1) * (row / (on.pcie or on.bandwidth) + 2 * _MEET)
    found = []
    for work, computes, moves in zip(gone, compute.tolist(), memory.tolist(), strict=True):
        n = work.times * passes
        waits = work.kernels * c.launch(load, _HOST) + meets
        spent = (n * sharing * computes, n * sharing * moves, n * waits)
        one = op("experts on the host", work.pointer, n * work.flops, n * work.bytes, *spent)
        found.append(replace(one, elsewhere=True))
    return found


def _speed(load: Scenario, on: Processor, how: Offload, c: Constants) -> float:
    """Bytes/s at which one device fetches: devices of a node share its drive, and its memory."""
    sharing, link = min(load.parallel.devices, on.node), c.values["link"]
    if how.way == "nvme":
        return NVME * link / sharing
    return min((on.pcie or on.bandwidth) * link, how.host.bandwidth * c.values["memory"] / sharing)


def updated_away(moved: float, load: Scenario, on: Processor, c: Constants) -> list[Op]:
    """The optimizer of experts that lie elsewhere: `moved` bytes of one device's share."""
    how = load.offload
    if how is None or not moved:
        return []
    sharing = min(load.parallel.devices, on.node)
    took = sharing * moved / (how.host.bandwidth * c.values["memory"])
    if how.way == "nvme":
        took += sharing * moved / (NVME * c.values["link"])
    return [Op("optimizer on the host", "", 0.0, moved, took, "memory", memory=took, elsewhere=True)]
