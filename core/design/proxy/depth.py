"""Few layers that keep the order of many: what comes first once, then one turn of the main pattern."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from core.design.huggingface.repeats import repeats

JSON = dict[str, Any]

#: Parts that the main pattern of a proxy has room for: four layers of a mixer and an FFN.
ROOM = 8
#: Layers of one kind that make a pattern of their own, such as every layer of Mixtral.
ALIKE = 3


def thinned(layers: list[JSON]) -> list[JSON]:
    """`layers`, unrolled and in order, as few that show the same: repeats as JSON.

    Of a list without a pattern the layers themselves are thinned evenly.
    """
    found = repeats(layers)
    if not found:
        return []
    main = max(range(len(found)), key=lambda i: found[i]["times"] * len(found[i]["pattern"]))
    room = _room(layers)
    kept = _few(found[main]["pattern"], room)
    turns = ALIKE if len(kept) == 1 else max(1, room // len(kept))
    shown = {_key(layer) for layer in kept}
    before: list[JSON] = []
    after: list[JSON] = []
    for side, blocks in ((before, found[:main]), (after, found[main + 1 :])):
        for layer in (layer for block in blocks for layer in block["pattern"]):
            if _key(layer) not in shown and len(side) < 2:
                shown.add(_key(layer))
                side.append(layer)
    sides = [[{"times": 1, "pattern": side}] if side else [] for side in (before, after)]
    return [*sides[0], {"times": min(found[main]["times"], turns), "pattern": kept}, *sides[1]]


def _room(layers: list[JSON]) -> int:
    """Layers of the main pattern: more where a layer is a single part."""
    parts = sum(len(layer["parts"]) for layer in layers) / len(layers)
    return max(2, round(ROOM / parts))


def _few(pattern: list[JSON], room: int) -> list[JSON]:
    """At most `room` layers of a pattern: kinds in their shares, each at least once, in their order."""
    if len(pattern) <= room:
        return pattern
    places: dict[str, list[int]] = {}
    for i, layer in enumerate(pattern):
        places.setdefault(_key(layer), []).append(i)
    often = sorted(places, key=lambda kind: -len(places[kind]))[:room]
    wanted = {kind: room * len(places[kind]) / len(pattern) for kind in often}
    counts = Counter(dict.fromkeys(often, 1))
    while sum(counts.values()) < room:
        counts[max(often, key=lambda kind: wanted[kind] - counts[kind])] += 1
    kept = [
        places[kind][int((j + 0.5) * len(places[kind]) / n)] for kind, n in counts.items() for j in range(n)
    ]
    return [pattern[i] for i in sorted(set(kept))]


def _key(layer: JSON) -> str:
    return json.dumps(layer, sort_keys=True)
