"""What was copied: parts, layers, repeats or experts as JSON, and where they go when they are pasted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal

from core.design.compose.lists import GONE, fitting, missing
from core.design.compose.parts import NO_MOE, below, moe_at
from core.design.compose.sketch import JSON, Done, Level, Sketch, Spot
from core.design.saying import plural
from core.design.spec import Design

#: Characters of JSON in a clip. The largest published model has a tenth of it.
MOST_CLIP = 1_000_000
ClipKind = Literal["parts", "layers", "repeats", "experts"]
_KINDS: dict[ClipKind, Level] = {"parts": "part", "layers": "layer", "repeats": "repeat", "experts": "expert"}


@dataclass(frozen=True)
class Clip:
    """Entries of one level, and the name of the design they come from."""

    kind: ClipKind
    items: tuple[JSON, ...]
    source: str

    @property
    def said(self) -> str:
        """`3 parts`, `1 expert group`."""
        noun = "expert group" if self.kind == "experts" else self.kind[:-1]
        return plural(len(self.items), noun)


def copied(design: Design, targets: Sequence[str]) -> Clip | str:
    """A clip of what `targets` stand for, or why there is none. Mixed levels become the largest of them."""
    sketch = Sketch(design)
    spots = sketch.lifted(targets)
    if not spots:
        return missing(targets)
    levels = {spot.level for spot in spots}
    if levels <= {"expert", "shared"}:
        kind: ClipKind = "experts"
    elif "other" in levels or levels & {"expert", "shared"}:
        return "Parts and layers can be copied together, or experts. To fix this, choose only one of both."
    else:
        kind = "repeats" if "repeat" in levels else "layers" if "layer" in levels else "parts"
    entries = fitting(spots, _KINDS[kind], [])
    if isinstance(entries, str):
        return entries
    if kind == "parts":
        # What a part read stays behind in its layer.
        entries = [{**e, "reads": "stream"} if isinstance(e["reads"], int) else e for e in entries]
    if len(json.dumps(entries)) > MOST_CLIP:
        return "This is more than can be copied at once. To fix this, choose fewer layers."
    return Clip(kind, tuple(deepcopy(entries)), design.name)


def paste(design: Design, clip: Clip, target: str = "", place: str = "") -> Done | str:
    """Put a clip at `place`, else below `target`. Widths stay as they are; what does not fit is a problem."""
    sketch = Sketch(design)
    there = sketch.place(place) if place else _below(sketch, clip, target)
    if isinstance(there, str):
        return there
    if there is None:
        return GONE
    holder, index, level = there
    together: list[Any] = []
    spots = [Spot("", _KINDS[clip.kind], together, deepcopy(item)) for item in clip.items]
    entries = fitting(spots, level, holder)
    if isinstance(entries, str):
        return entries
    holder[index:index] = entries
    return sketch.finish(f"Paste {clip.said}", entries[0])


def _below(sketch: Sketch, clip: Clip, target: str) -> tuple[list[Any], int, Level] | str:
    if clip.kind == "experts":
        return _beside_experts(sketch, target)
    holder, index, level = below(sketch, target, _KINDS[clip.kind])
    # A pattern of one layer is what the hand sees as the layer, so another one stands after its repeat.
    if level == "layer" and len(holder) == 1:
        return below(sketch, target, "repeat")
    return holder, index, level


def _beside_experts(sketch: Sketch, target: str) -> tuple[list[Any], int, Level] | str:
    moe = moe_at(sketch.design, target)
    part = sketch.above(moe, "part") if moe else None
    if part is None:
        return NO_MOE
    spot = sketch.spot(target)
    if (
        spot is not None
        and spot.level in ("expert", "shared")
        and spot.pointer.startswith(f"{part.pointer}/")
    ):
        return spot.holder, 1 + next(i for i, e in enumerate(spot.holder) if e is spot.entry), spot.level
    groups = part.entry["body"]["experts"]
    return groups, len(groups), "expert"
