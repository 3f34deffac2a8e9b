"""Two timings of a user's own stack: the constants of its class become those of this stack on this device.

A decode step is a part that does not depend on the batch (kernels, launches) and one that follows the bytes
it reads. Two batches tell both apart: s_i = fixed_i + launch_i * x + bytes_i * y.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.cost.count import Counts
from core.cost.devices.base import Processor
from core.cost.efficiency import Constants, fitted, software, told
from core.cost.gpu import step
from core.cost.scenario import Scenario

#: How far two timings may move a factor before they are taken for a mistake.
_LEAST, _MOST = 0.1, 10.0
#: The band that is left: the scatter of one stack's timings around its own line, a prior.
_BAND = (0.88, 1.15)


@dataclass(frozen=True)
class Timing:
    """Seconds of one decode step of `batch` sequences."""

    batch: int
    seconds: float


@dataclass(frozen=True)
class Sharpened:
    """Constants of one stack; `launch` and `stream` are what they became, over what they were."""

    constants: Constants
    launch: float
    stream: float


def sharpen(
    counts: Counts,
    load: Scenario,
    on: Processor,
    timings: Sequence[Timing],
    constants: Constants | None = None,
) -> Sharpened:
    """Constants under which the step of `load` takes what two timings at two batches say.

    Raises ValueError in words where they cannot be told apart, or ask for more than a device can give.
    """
    if load.phase != "decode" or len(timings) != 2 or timings[0].batch == timings[1].batch:
        raise ValueError("Two decode timings at two batches are needed. To fix this, time batch 1 and 32.")
    if any(not 0 < timing.seconds < 3600 or timing.batch < 1 for timing in timings):
        raise ValueError("A step takes seconds above zero. To fix this, give seconds a step, not tokens/s.")
    c = constants or fitted()
    kind = software(load, on)
    rows = []
    for timing in timings:
        found = step(counts, replace(load, batch=timing.batch), on, c)
        launched = found.shares.get("overhead", 0.0) - found.host
        moved = found.shares.get("memory", 0.0)
        rows.append((launched, moved, timing.seconds - (found.seconds - launched - moved)))
    (a, b, e), (p, q, f) = rows
    whole = a * q - b * p
    if abs(whole) < 1e-18:
        raise ValueError("These two batches ask the same of the device. To fix this, time batch 1 and 32.")
    launch, bytes_ = (e * q - b * f) / whole, (a * f - e * p) / whole
    if not (_LEAST < launch < _MOST and _LEAST < bytes_ < _MOST):
        raise ValueError(
            f"These timings say that launches take {launch:.2g} times and reading {bytes_:.2g} times what is"
            " usual, which no stack does. To fix this, check batch, context and weights, and time again."
        )
    values = dict(c.values)
    name = "eager" if c.launch(replace(load, batch=2), kind) == c.of("eager", kind, load.stack) else "launch"
    for each in {name, "launch"}:
        values[f"{each}.{kind}"] = c.of(each, kind, load.stack) * launch
        values.pop(f"{each}~{load.stack}", None)
    values[f"stream.{kind}"] = c.of("stream", kind) / bytes_
    bands = {**c.bands, "decode": _BAND, "decode:stack": _BAND}
    seen = c.seen | {told(replace(load, batch=timing.batch), kind, on) for timing in timings}
    return Sharpened(replace(c, values=values, bands=bands, seen=seen), launch, 1 / bytes_)
