"""A list of layers as repeats of short patterns, so that a design of 61 layers stays readable."""

from __future__ import annotations

import json
from typing import Any

from core.design.plain import most
from core.design.structure import MOST_TURNS, Repeat

JSON = dict[str, Any]

#: The longest pattern a repeat may hold.
LONGEST = most(Repeat, "pattern")


def repeats(layers: list[JSON]) -> list[JSON]:
    """`layers`, in order, as `{times, pattern}`: at each place what covers most, by the shortest period."""
    names: dict[str, int] = {}
    ids = [names.setdefault(json.dumps(layer, sort_keys=True), len(names)) for layer in layers]
    found: list[JSON] = []
    lone: list[JSON] = []
    start = 0
    while start < len(ids):
        period, times = _best(ids, start)
        if times == 1:
            lone.append(layers[start])
        if lone and (times > 1 or len(lone) == LONGEST):
            found.append({"times": 1, "pattern": lone})
            lone = []
        if times > 1:
            found.append({"times": times, "pattern": layers[start : start + period]})
        start += period * times
    if lone:
        found.append({"times": 1, "pattern": lone})
    return found


def _best(ids: list[int], start: int) -> tuple[int, int]:
    """Period and turns of the repetition at `start` that covers most layers; (1, 1) where nothing repeats."""
    best = (1, 1)
    for period in range(1, min(LONGEST, (len(ids) - start) // 2) + 1):
        end = start + period
        while end < len(ids) and ids[end] == ids[end - period]:
            end += 1
        times = min((end - start) // period, MOST_TURNS)
        if times > 1 and period * times > best[0] * best[1]:
            best = (period, times)
    return best
