"""The processor under this studio: peak and bandwidth by a short measurement with NumPy."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import cache

import numpy as np

from core.cost.devices.base import Processor

_SIDE = 512
_COPIED = 64 * 2**20


@cache
def device() -> Processor:
    """Measured once in each process, in about a tenth of a second."""
    return Processor(
        name="this-cpu",
        title="This CPU",
        vendor="",
        kind="cpu",
        memory=_memory(),
        bandwidth=_bandwidth(),
        peak={"fp32": _peak()},
        source=f"Peak and bandwidth measured here with NumPy, {os.cpu_count()} cores.",
        confidence="measured",
        unified=True,
        measured=True,
    )


def _peak() -> float:
    a = np.ones((_SIDE, _SIDE), np.float32)
    out = np.empty_like(a)
    return 2 * _SIDE**3 / _best(lambda: np.matmul(a, a, out=out), 6)


def _bandwidth() -> float:
    source = np.ones(_COPIED // 4, np.float32)
    target = np.empty_like(source)
    # A copy reads and writes.
    return 2 * _COPIED / _best(lambda: np.copyto(target, source), 4)


def _best(run: Callable[[], object], times: int) -> float:
    """The fastest of several runs: everything else is other people's work on the machine."""
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return max(best, 1e-9)


def _memory() -> float:
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        # Systems without sysconf (Windows): a size that no small design comes near.
        return 8e9
