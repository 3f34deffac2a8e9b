"""What the estimator knows of an FPGA board."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fabric:
    """Parts of a board. `dram` bytes, `bandwidth` peak bytes/s of it, of which `share` arrives.

    `clock` Hz: low, typical, high.
    """

    name: str
    title: str
    lut: int
    dsp: int
    bram36: int
    uram: int
    dram: float
    bandwidth: float
    share: float
    clock: tuple[float, float, float]
    source: str

    @property
    def stream(self) -> float:
        """Bytes/s that arrive."""
        return self.bandwidth * self.share
