"""What the estimators know of a processor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.cost.figure import Grade


@dataclass(frozen=True)
class Processor:
    """A GPU or CPU for the roofline.

    `peak` is dense FLOP/s by number format, float32 accumulation; `bandwidth` bytes/s, `memory` bytes, both
    decimal. A product over r rows for each weight matrix of smaller side w runs at
    `efficiency * r / (r + half_rows) * w / (w + half_width)` of the peak and streams at `stream` of the
    bandwidth. `launch` is seconds an operator, `routed_launch` the experts of a layer, `step` the share of
    the host in a step. `band` are the 10 and 90 % factors around a step's seconds.
    """

    name: str
    title: str
    memory: float
    bandwidth: float
    peak: Mapping[str, float]
    compute: str
    efficiency: float
    half_rows: float
    half_width: float
    stream: float
    launch: float
    routed_launch: float
    step: float
    reserved: float
    band: tuple[float, float]
    grade: Grade
    source: str

    def rate(self, rows: float, side: float, numbers: str) -> float:
        """FLOP/s of a matrix product over `rows` rows with a weight of smaller side `side`."""
        shape = rows / (rows + self.half_rows) * side / (side + self.half_width)
        return self.peak[numbers] * self.efficiency * shape
