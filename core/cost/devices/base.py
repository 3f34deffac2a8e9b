"""What the estimators know of a processor: plain facts of a data sheet, no efficiencies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["datacenter", "card", "apple", "embedded", "cpu"]
#: Devices that fast links join, unless a device says otherwise.
NODE = 8
#: Bytes/s between nodes for each device, one direction: 400 Gb/s adapters, a prior.
NETWORK = 50e9
#: Share of unified memory that a GPU may address by default, where the system keeps the rest.
_ADDRESSABLE: Mapping[str, float] = {"apple": 0.75}
#: Bytes that driver and framework hold, a prior.
_RESERVED: Mapping[str, float] = {"datacenter": 1.5e9, "card": 1.0e9, "embedded": 1.0e9}


@dataclass(frozen=True)
class Processor:
    """A GPU or CPU. Bytes, bytes/s, FLOP/s and watts, decimal.

    `peak` is dense by number format, float32 accumulation, no structured sparsity. `link` joins
    `node` devices, `network` what lies beyond, `pcie` host and device; each in one direction.
    `measured`: peak and bandwidth were timed here, so they already arrive.
    """

    name: str
    title: str
    vendor: str
    kind: Kind
    memory: float
    bandwidth: float
    peak: Mapping[str, float] = field(hash=False)
    source: str
    confidence: str
    link: float = 0.0
    pcie: float = 0.0
    power: float = 0.0
    node: int = NODE
    network: float = NETWORK
    interconnect: str = ""
    unified: bool = False
    measured: bool = False
    note: str = ""

    @property
    def compute(self) -> str:
        """The number format it multiplies in by default: bf16 where it can."""
        return next(form for form in ("bf16", "fp16", "fp32") if form in self.peak)

    @property
    def usable(self) -> float:
        """Bytes of memory a model can have."""
        return self.memory * _ADDRESSABLE.get(self.kind, 1.0)

    @property
    def reserved(self) -> float:
        """Bytes that driver and framework hold beside a model."""
        return _RESERVED.get(self.kind, 0.3e9)
