"""Repeats: turns more or fewer, layers gathered into one, and taken apart again."""

from __future__ import annotations

import json
from collections.abc import Sequence

from core.design.compose.lists import alone, missing
from core.design.compose.sketch import JSON, MOST_PATTERN, Done, Sketch, Spot
from core.design.compose.words import span
from core.design.spec import MOST_LAYERS, Design
from core.design.structure import MOST_TURNS


def turn(design: Design, target: str, by: int) -> Done | str:
    """`by` turns more or fewer of the repeat around `target`, at least one."""
    sketch = Sketch(design)
    repeat = sketch.above(target, "repeat")
    if repeat is None:
        return missing([target])
    old, layers = repeat.entry["times"], len(repeat.entry["pattern"])
    others = design.depth - old * layers
    most = min(MOST_TURNS, (MOST_LAYERS - others) // layers)
    new = min(max(1, old + by), most)
    if new == old:
        if by < 0:
            return "This stands once already. To take it away, delete it."
        return (
            f"It turns {most} times already, which is the most this studio holds."
            if by
            else Done(None, target)
        )
    repeat.entry["times"] = new
    return sketch.finish(f"Repeat ×{old} → ×{new}", _same(sketch, repeat, target))


def _same(sketch: Sketch, repeat: Spot, target: str) -> str:
    """`target`, or what the drawing shows for a repeat that is a lone layer now."""
    return sketch.shown(repeat.entry) if target == repeat.pointer else target


def gather(design: Design, targets: Sequence[str]) -> Done | str:
    """Make one repeat of the layers of `targets`: of the shortest pattern that gives them all in order."""
    sketch = Sketch(design)
    around = [spot for target in targets if (spot := sketch.above(target, "repeat"))]
    if not around:
        return missing(targets)
    holder = around[0].holder
    chosen = {id(spot.entry) for spot in around}
    at = [i for i, repeat in enumerate(holder) if id(repeat) in chosen]
    if any(spot.holder is not holder for spot in around) or at[-1] - at[0] + 1 != len(at):
        return "Only layers that stand next to each other can become one repeat."
    sequence = [
        layer
        for repeat in holder[at[0] : at[-1] + 1]
        for _ in range(repeat["times"])
        for layer in repeat["pattern"]
    ]
    period = _period(_words(sequence))
    if period > MOST_PATTERN:
        return (
            f"These {period} layers have no shorter pattern, and a pattern holds {MOST_PATTERN}. "
            "To fix this, choose fewer layers."
        )
    times = len(sequence) // period
    if times > MOST_TURNS:
        return f"A repeat turns {MOST_TURNS} times at most; these layers would turn {times} times."
    first, _ = span(sketch, f"/stacks/{around[0].pointer.split('/')[2]}/layers/{at[0]}")
    pattern = _distinct(sketch, sequence[:period])
    new: JSON = {"times": times, "pattern": pattern}
    if len(at) == 1 and (new["times"], len(pattern)) == (
        holder[at[0]]["times"],
        len(holder[at[0]]["pattern"]),
    ):
        return "These layers are one repeat already."
    holder[at[0] : at[-1] + 1] = [new]
    return sketch.finish(f"Gather layers {first}–{first + len(sequence) - 1} into ×{times}", new)


def _distinct(sketch: Sketch, pattern: list[JSON]) -> list[JSON]:
    """No layer twice: a turn that stands for itself now is another entry."""
    seen: set[int] = set()
    out = []
    for layer in pattern:
        out.append(sketch.copy(layer) if id(layer) in seen else layer)
        seen.add(id(layer))
    return out


def _words(layers: Sequence[JSON]) -> list[str]:
    """Equal texts for equal layers."""
    known: dict[int, str] = {}
    for layer in layers:
        if id(layer) not in known:
            known[id(layer)] = json.dumps(layer, sort_keys=True)
    return [known[id(layer)] for layer in layers]


def _period(words: Sequence[str]) -> int:
    """The length of the shortest list that repeats to `words` exactly."""
    n = len(words)
    return next(p for p in range(1, n + 1) if n % p == 0 and all(words[i] == words[i % p] for i in range(n)))


def unroll(design: Design, target: str) -> Done | str:
    """Let every turn of the repeat around `target` stand alone, so that each can differ."""
    sketch = Sketch(design)
    repeat = sketch.above(target, "repeat")
    if repeat is None:
        return missing([target])
    pattern, times = repeat.entry["pattern"], repeat.entry["times"]
    if times * len(pattern) == 1:
        return "This is a single layer already."
    at = next(i for i, entry in enumerate(repeat.holder) if entry is repeat.entry)
    layers = [*pattern, *(sketch.copy(layer) for _ in range(times - 1) for layer in pattern)]
    repeat.holder[at : at + 1] = [alone(layer) for layer in layers]
    return sketch.finish(f"Unroll ×{times}", layers[0])
