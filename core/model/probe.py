"""What this machine does with PyTorch, measured: products, copies, the launch of an operator. Ten seconds.

Runs in a process of its own or on the command line; the pages never import it.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

#: Sides of the products that are tried; the fastest counts.
_SIDES = (128, 256, 512, 1024, 2048, 4096)
_COPIED = 64 * 2**20
_TINY = 16


def probe(budget: float = 10.0, device: str | None = None) -> dict[str, Any]:
    """A row for `core.cost.devices.registry.own`, and `launch_us`: microseconds of the smallest operator.

    `budget` seconds at most, about; `device` such as "cuda" or "cpu", by default a GPU where there is one.
    Raises ValueError for a device that is not there.
    """
    name = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError("There is no GPU that PyTorch can use here. To fix this, probe the cpu.")
    on, each = torch.device(name), budget / 5
    wait: Callable[[], object] = torch.cuda.synchronize if on.type == "cuda" else _nothing
    with torch.inference_mode():
        peaks = {"fp32": _products(on, torch.float32, each, wait)}
        # A format that a machine only imitates is none to compute in.
        if (narrow := _products(on, torch.bfloat16, each, wait)) > peaks["fp32"]:
            peaks["bf16"] = narrow
        bandwidth = _copies(on, each, wait)
        launch = _launch(on, each / 4, wait)
    return {
        "id": "this-machine",
        "title": _title(on),
        "kind": "card" if on.type == "cuda" else "cpu",
        "memory_gb": _memory(on) / 1e9,
        "bandwidth_gbs": bandwidth / 1e9,
        "peak_tflops": {form: peak / 1e12 for form, peak in peaks.items()},
        "unified": on.type == "cpu",
        "measured": True,
        "source": f"Measured here with PyTorch {torch.__version__}, {torch.get_num_threads()} threads.",
        "confidence": "measured",
        "launch_us": launch * 1e6,
    }


def _nothing() -> None:
    """The CPU has done its work when a call returns."""


def _products(on: torch.device, kind: torch.dtype, budget: float, wait: Callable[[], object]) -> float:
    """FLOP/s of the fastest square product, as large as the budget lets it be."""
    best, end = 0.0, time.perf_counter() + budget
    for side in _SIDES:
        a = torch.ones(side, side, dtype=kind, device=on)
        took = _best(partial(torch.mm, a, a, out=torch.empty_like(a)), budget / 10, wait)
        best = max(best, 2 * side**3 / took)
        # The next one has eight times the work, and runs twice.
        if time.perf_counter() + 16 * took > end:
            break
    return best


def _copies(on: torch.device, budget: float, wait: Callable[[], object]) -> float:
    """Bytes/s of a copy, which reads and writes."""
    source = torch.ones(_COPIED // 4, device=on)
    target = torch.empty_like(source)
    return 2 * _COPIED / _best(lambda: target.copy_(source), budget, wait)


def _launch(on: torch.device, budget: float, wait: Callable[[], object]) -> float:
    """Seconds of an operator that has nothing to do, of a hundred in a row."""
    a = torch.ones(_TINY, device=on)

    def many() -> None:
        for _ in range(100):
            a.add_(1.0)

    return _best(many, budget, wait) / 100


def _best(run: Callable[[], object], budget: float, wait: Callable[[], object]) -> float:
    """The fastest of the runs that fit the budget, two at least: all else is other people's work."""
    best, end, runs = float("inf"), time.perf_counter() + budget, 0
    while runs < 2 or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        wait()
        best = min(best, time.perf_counter() - start)
        runs += 1
    return max(best, 1e-9)


def _memory(on: torch.device) -> float:
    if on.type == "cuda":
        return float(torch.cuda.get_device_properties(on).total_memory)
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def _title(on: torch.device) -> str:
    return torch.cuda.get_device_name(on) if on.type == "cuda" else platform.processor() or "This CPU"
