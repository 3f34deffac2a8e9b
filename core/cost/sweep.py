"""One design on many devices, in many number formats, at many batches: what they share is counted once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Unpack

from core.cost import gpu
from core.cost.asking import Asked, scenario
from core.cost.count import Counts, count
from core.cost.demand import Demand
from core.cost.devices.base import Processor
from core.cost.efficiency import fitted
from core.cost.estimate import Estimate, on_processor
from core.cost.rates import Measured
from core.cost.works import Stages, summed, works
from core.design.spec import Design


def sweep(
    design: Design,
    targets: Sequence[Processor],
    formats: Sequence[str],
    batches: Sequence[int],
    *,
    measured: Measured | None = None,
    **asked: Unpack[Asked],
) -> Iterator[Estimate]:
    """Estimates by device, then format, then batch; `asked` holds for all. Raises RefusedError."""
    counts: dict[bool, Counts] = {}
    laid: dict[tuple[str, str, str, int], tuple[Demand, Stages]] = {}
    # Where experts may lie depends on the device.
    apart = asked.get("offload") is not None
    constants = fitted()
    for on in targets:
        for form in formats:
            for batch in batches:
                key = (on.name if apart else "", on.compute, form, batch)
                if key not in laid:
                    load = scenario(design, {**asked, "weights": form, "batch": batch}, on.compute, on=on)
                    training = load.phase == "train"
                    if training not in counts:
                        counts[training] = count(design, measured, training=training)
                    stages = works(summed(counts[training], load), load, constants.values["together"])
                    laid[key] = Demand(counts[training], load), stages
                asks, stages = laid[key]
                step = gpu.timed(stages, asks.counts, asks.load, on, constants)
                yield on_processor(asks, on, step)
