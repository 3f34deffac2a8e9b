"""What acts call the things they move: "attention", "layer 3", "layers 3–26", "4 layers"."""

from __future__ import annotations

from collections.abc import Sequence

from core.design import saying
from core.design.compose.sketch import JSON, Sketch, Spot

_NOUNS = {
    "part": "part",
    "expert": "expert group",
    "shared": "shared expert",
    "other": "item",
}


def span(sketch: Sketch, pointer: str) -> tuple[int, int]:
    """First and last layer, counted from 1 in its stack, that a pointer below a repeat stands for."""
    keys = pointer.split("/")
    repeats = sketch.document["stacks"][int(keys[2])]["layers"]
    before = sum(_layers(repeat) for repeat in repeats[: int(keys[4])])
    repeat = repeats[int(keys[4])]
    if len(keys) > 6 and repeat["times"] == 1:
        return before + int(keys[6]) + 1, before + int(keys[6]) + 1
    return before + 1, before + _layers(repeat)


def where(sketch: Sketch, pointer: str) -> str:
    """`layer 3` or `layers 3–26`."""
    first, last = span(sketch, pointer)
    return f"layer {first}" if first == last else f"layers {first}–{last}"


def name(sketch: Sketch, spots: Sequence[Spot]) -> str:
    """What an act on these entries is called; `sketch` as it was before the act."""
    if len(spots) > 1:
        levels = {spot.level for spot in spots}
        if levels <= {"repeat", "layer"}:
            return saying.plural(sum(_layers(s.entry) if s.level == "repeat" else 1 for s in spots), "layer")
        return saying.plural(len(spots), _NOUNS[levels.pop()]) if len(levels) == 1 else f"{len(spots)} things"
    (spot,) = spots
    if spot.level in ("repeat", "layer"):
        return where(sketch, spot.pointer)
    if spot.level == "part":
        return saying.word(spot.entry["body"]["kind"])
    return _NOUNS[spot.level] if spot.level != "other" else saying.word(str(spot.entry.get("kind", "item")))


def _layers(repeat: JSON) -> int:
    return int(repeat["times"]) * len(repeat["pattern"])
