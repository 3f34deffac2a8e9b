"""Published timings as scenarios: what was asked of which design on which device, and the seconds it took."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.cost.calibration.designs import design
from core.cost.count import Counts, count
from core.cost.coverage import evenly_touched
from core.cost.devices import registry
from core.cost.devices.base import Processor
from core.cost.formats import widths
from core.cost.scenario import Parallel, Scenario, Training

_HERE = Path(__file__).parent
#: A first token is taken at this concurrency: more of them queue behind each other.
_ALONE = 4
#: Batch and context of a training run that states neither.
_GUESSED = (8, 8192)


@dataclass(frozen=True)
class Point:
    """`seconds` of a step of `load`; `beside` marks a prefill published beside a decode row.

    `fits`: whether all that the model needs is known, so that constants may learn from it.
    """

    id: str
    design: str
    device: str
    devices: int
    load: Scenario
    seconds: float
    quality: str
    source: str
    beside: bool = False
    fits: bool = True
    host_layers: int = 0

    @property
    def on(self) -> Processor:
        """The device's row."""
        found = registry.device(self.device)
        assert isinstance(found, Processor)
        return found

    def counts(self) -> Counts:
        """The design, counted."""
        return _counted(self.design, self.load.phase == "train")


@cache
def _counted(name: str, training: bool) -> Counts:
    return count(design(name), training=training)


@cache
def points() -> tuple[Point, ...]:
    """All published steps, and the first tokens beside them."""
    rows = json.loads((_HERE / "points.json").read_text(encoding="utf-8"))["points"]
    found = [_point(row) for row in rows]
    return (*found, *(_first_token(row) for row in rows if row.get("ttft_ms") and row["batch"] == _ALONE))


def _point(row: Mapping[str, Any]) -> Point:
    plan, phase = row["parallel"], _phase(row["task"])
    devices = row["n_devices"]
    tp, pp = plan.get("tp", 1), plan.get("pp", 1)
    if phase == "train":
        batch, context = row["batch"] or _GUESSED[0] * devices, row["isl"] or _GUESSED[1]
        parallel = Parallel(tp=tp, ep=plan.get("ep", 1), pp=pp, dp=devices // (tp * pp))
        numbers = Training(micro_batch=plan.get("mbs", 1))
    else:
        batch, context = (1, row["isl"]) if phase == "prefill" else (row["batch"], row["avg_context"])
        parallel, numbers = Parallel(tp=tp, ep=plan.get("moe_ep", 1), pp=pp), Training()
    load = Scenario(phase, batch, context, widths(row["weights"]), "bf16", parallel, numbers, row["stack"])
    return Point(
        id=row["id"],
        design=row["design"],
        device=row["device"].split(" ")[0],
        devices=devices,
        load=load,
        seconds=_seconds(row, load),
        quality=row["quality"],
        source=row["source"],
        fits=row["batch"] is not None and "cpu_moe_layers" not in plan,
        host_layers=plan.get("cpu_moe_layers", 0),
    )


def _phase(task: str) -> Any:
    return task if task in ("train", "prefill") else "decode"


def _seconds(row: Mapping[str, Any], load: Scenario) -> float:
    value = float(row["value"])
    if row["unit"] == "ms":
        return value / 1e3
    each = row["n_devices"] if row["unit"].endswith("/GPU") else 1
    return load.rows / (value * each)


def _first_token(row: Mapping[str, Any]) -> Point:
    whole = _point(row)
    load = replace(whole.load, phase="prefill", batch=1, context=row["isl"])
    return replace(whole, id=f"{whole.id}-first", load=load, seconds=row["ttft_ms"] / 1e3, beside=True)


@dataclass(frozen=True)
class Kernels:
    """Timings of one expert layer as columns: F FLOPs and weight bytes of `touched` experts, activations."""

    model: NDArray[np.str_]
    device: NDArray[np.str_]
    even: NDArray[np.bool_]
    warm: NDArray[np.bool_]
    tokens: NDArray[np.float64]
    experts: NDArray[np.float64]
    chosen: NDArray[np.float64]
    expert_bytes: NDArray[np.float64]
    moved: NDArray[np.float64]
    flops: NDArray[np.float64]
    side: NDArray[np.float64]
    launches: NDArray[np.float64]
    peak: NDArray[np.float64]
    bandwidth: NDArray[np.float64]
    seconds: NDArray[np.float64]

    def touched(self, rule: str) -> NDArray[np.float64]:
        """Distinct experts by one of four rules: `expected`, `most` (min(E, k T)), `all`, `active` (k)."""
        if rule == "all":
            return self.experts
        if rule == "active":
            return self.chosen
        if rule == "most":
            return np.minimum(self.experts, self.chosen * self.tokens)
        rows = zip(self.experts.tolist(), self.chosen.tolist(), self.tokens.tolist(), strict=True)
        return np.array([evenly_touched(int(e), k, t) for e, k, t in rows])


#: Kernels around the products of one expert layer: sort, activation, weighted sum.
_AROUND = 3


@cache
def kernels() -> Kernels:
    """All kernel timings."""
    series = json.loads((_HERE / "kernels.json").read_text(encoding="utf-8"))["series"]
    rows = [
        _kernel(s, tokens, latency)
        for s in series
        for tokens, latency in zip(s["tokens"], s["latency_ms"], strict=True)
    ]
    columns = list(zip(*rows, strict=True))
    return Kernels(*(np.array(column) for column in columns))


def _kernel(s: Mapping[str, Any], tokens: int, latency: float) -> tuple[Any, ...]:
    on = registry.device(s["device"])
    assert isinstance(on, Processor)
    h, inner, k, m = s["hidden"], s["inter"], s["top_k"], s["matrices"]
    moved = 2.0 * (2 * tokens * k * h + tokens * k * m * inner)
    return (
        s["model"], s["device"], s["distribution"] == "balanced", tokens in s.get("warm", ()), float(tokens),
        float(s["E"]), float(k), 2.0 * m * h * inner, moved, 2.0 * tokens * k * m * h * inner,
        float(min(h, inner)), float(m + _AROUND), on.peak["bf16"], on.bandwidth, latency / 1e3,
    )  # fmt: skip
