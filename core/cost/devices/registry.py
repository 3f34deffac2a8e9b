"""Targets by name: GPUs and CPUs as rows of gpus.json, a user's own as an object, the rest in code."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from core.cost.devices import this_cpu, zcu104
from core.cost.devices.base import NETWORK, NODE, Processor
from core.cost.devices.fabric import Fabric

_TABLE = Path(__file__).parent / "gpus.json"
#: What is no row of the table; a function for what must be measured first.
OTHERS: dict[str, Fabric | Callable[[], Processor]] = {"this-cpu": this_cpu.device, "zcu104": zcu104.DEVICE}
_KINDS = ("datacenter", "card", "apple", "embedded", "cpu")
_PEAKS = ("fp32", "tf32", "bf16", "fp16", "fp8", "int8", "fp4")


@cache
def processors() -> Mapping[str, Processor]:
    """Every row of the table, by name."""
    rows = json.loads(_TABLE.read_text(encoding="utf-8"))["devices"]
    return {row["id"]: _row(row) for row in rows}


def _row(row: Mapping[str, Any]) -> Processor:
    return Processor(
        name=row["id"],
        title=row["title"],
        vendor=row["vendor"],
        kind=row["kind"],
        memory=row["memory_gb"] * 1e9,
        bandwidth=row["bandwidth_gbs"] * 1e9,
        peak={form: value * 1e12 for form, value in row["peak_tflops"].items()},
        source=row["source"],
        confidence=row["confidence"],
        link=row.get("link_gbs", 0) * 1e9,
        pcie=row.get("pcie_gbs", 0) * 1e9,
        power=row.get("power_w", 0),
        node=row.get("node", NODE),
        network=row.get("network_gbs", NETWORK / 1e9) * 1e9,
        interconnect=row.get("interconnect", ""),
        unified=row.get("unified", False),
        note=row.get("note", ""),
        measured=row.get("measured", False),
    )


def names() -> tuple[str, ...]:
    """Every target."""
    return (*processors(), *OTHERS)


def device(name: str) -> Processor | Fabric:
    """A target by name. Raises ValueError with the nearest name."""
    if name in processors():
        return processors()[name]
    found = OTHERS.get(name)
    if found is None:
        near = get_close_matches(name, names(), n=1, cutoff=0.4)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"There is no target {name!r}.{hint} To fix this, use one of: {', '.join(names())}.")
    return found() if callable(found) else found


def own(row: Mapping[str, Any]) -> Processor:
    """A user's own device from an object with the keys of a row of the table.

    `memory_gb`, `bandwidth_gbs` and `peak_tflops` (fp32, bf16 or fp16) are needed; the rest has defaults,
    and no estimate uses `cache_mb` or `launch_us`.
    What `python -m app probe --json` prints is such an object. Raises ValueError in words for a user.
    """
    known = set(_DEFAULTS) | {"memory_gb", "bandwidth_gbs", "peak_tflops"}
    if not isinstance(row, Mapping):
        raise ValueError("A device is an object. To fix this, give memory_gb, bandwidth_gbs and peak_tflops.")
    for key in row:
        if key not in known:
            near = get_close_matches(str(key), known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"A device has no {key!r}.{hint} To fix this, use: {', '.join(sorted(known))}.")
    peaks = row.get("peak_tflops")
    if not isinstance(peaks, Mapping) or not {"fp32", "bf16", "fp16"} & set(peaks):
        raise ValueError(
            "A device needs dense peaks by number format. To fix this, give peak_tflops of bf16 or fp32,"
            ' such as {"bf16": 165}.'
        )
    for form, value in peaks.items():
        if form not in _PEAKS:
            raise ValueError(f"There is no peak of {form!r}. To fix this, use: {', '.join(_PEAKS)}.")
        _positive(f"peak_tflops.{form}", value)
    for key in ("memory_gb", "bandwidth_gbs"):
        _positive(key, row.get(key))
    for key in ("link_gbs", "pcie_gbs", "cache_mb", "power_w", "network_gbs", "node"):
        if key in row and row[key] != 0:
            _positive(key, row[key])
    if row.get("kind", "card") not in _KINDS:
        raise ValueError(
            f"There is no kind of device {row['kind']!r}. To fix this, use one of: {', '.join(_KINDS)}."
        )
    return _row({**_DEFAULTS, **row})


_DEFAULTS: Mapping[str, Any] = {
    "id": "own",
    "title": "Own device",
    "vendor": "",
    "kind": "card",
    "link_gbs": 0,
    "pcie_gbs": 0,
    "cache_mb": 0,
    "power_w": 0,
    "network_gbs": NETWORK / 1e9,
    "node": NODE,
    "interconnect": "",
    "unified": False,
    "source": "as typed",
    "confidence": "as typed",
    "note": "",
    "measured": False,
    "launch_us": 0,
}


def _positive(key: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        raise ValueError(f"{key} of {value!r} makes no sense. To fix this, give a number above zero.")
