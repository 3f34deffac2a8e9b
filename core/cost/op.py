"""One operator of a step on a device, in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Bound = Literal["compute", "memory", "overhead", "network"]


@dataclass(frozen=True)
class Op:
    """One operator of all its turns in a step: FLOPs, bytes moved, seconds, and what bounds it.

    `compute`, `memory` and `launch` are the shares of its seconds; `elsewhere`: not on the device.
    """

    name: str
    pointer: str
    flops: float
    bytes: float
    seconds: float
    bound: Bound
    compute: float = 0.0
    memory: float = 0.0
    launch: float = 0.0
    elsewhere: bool = False


def op(
    name: str, pointer: str, flops: float, moved: float, computes: float, moves: float, waits: float
) -> Op:
    """An operator that computes, then moves bytes, then waits: so many seconds each."""
    bound: Bound = "overhead" if waits > max(computes, moves) else "compute" if computes > moves else "memory"
    return Op(name, pointer, flops, moved, computes + moves + waits, bound, computes, moves, waits)
