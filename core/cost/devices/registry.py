"""Targets by name. A new device is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

from core.cost.devices import a100_80_sxm, h100_sxm, h200_sxm, rtx4090, this_cpu, zcu104
from core.cost.devices.base import Processor
from core.cost.devices.fabric import Fabric

#: A function for what must be measured first.
DEVICES: dict[str, Processor | Fabric | Callable[[], Processor]] = {
    "h100-sxm": h100_sxm.DEVICE,
    "h200-sxm": h200_sxm.DEVICE,
    "a100-80-sxm": a100_80_sxm.DEVICE,
    "rtx4090": rtx4090.DEVICE,
    "this-cpu": this_cpu.device,
    "zcu104": zcu104.DEVICE,
}


def names() -> tuple[str, ...]:
    """Every target."""
    return tuple(DEVICES)


def device(name: str) -> Processor | Fabric:
    """A target by name. Raises ValueError with the nearest name."""
    if name not in DEVICES:
        near = get_close_matches(name, DEVICES, n=1, cutoff=0.4)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"There is no target {name!r}.{hint} To fix this, use one of: {', '.join(DEVICES)}.")
    found = DEVICES[name]
    return found() if callable(found) else found
