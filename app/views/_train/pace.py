"""How fast a run goes, and how long it still takes, with a band."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median, quantiles

from core.design.facts import MetricsRow

#: Recent intervals between rows that the pace is taken from.
WINDOW = 24


@dataclass(frozen=True)
class Pace:
    """Steps per second, and seconds left: middle, and 10-90 % range where there are enough intervals."""

    rate: float
    left: float
    low: float | None
    high: float | None


def pace(rows: Sequence[MetricsRow], steps: int | None) -> Pace | None:
    """The pace of the last rows; None before there are two."""
    recent = rows[-WINDOW - 1 :]
    each = [
        (after.seconds - before.seconds) / (after.step - before.step)
        for before, after in pairwise(recent)
        if after.step > before.step and after.seconds > before.seconds
    ]
    if not each:
        return None
    # The mean is right for what is left: evaluations and checkpoints take their time too.
    mean = sum(each) / len(each)
    remaining = max(0, (steps or 0) - rows[-1].step)
    if len(each) < 4:
        return Pace(1 / median(each), mean * remaining, None, None)
    tenths = quantiles(each, n=10, method="inclusive")
    # Deviations of single intervals average out over those still to come.
    ahead = max(1.0, remaining / max(1, rows[-1].step - recent[0].step) * len(each))
    low, high = (mean + (edge - mean) / ahead**0.5 for edge in (tenths[0], tenths[-1]))
    return Pace(1 / median(each), mean * remaining, min(low, mean) * remaining, max(high, mean) * remaining)
