"""Adding: new parts, layers and experts, like the design's own where it has some of their kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

from core.design import ordinary
from core.design.bodies.base import BODY, Mixer
from core.design.compose.lists import GONE, alone
from core.design.compose.sketch import JSON, Done, Level, Sketch, part_at
from core.design.edits import apply
from core.design.experts.base import EXPERT
from core.design.pointer import get
from core.design.rules import faults
from core.design.spec import Design
from core.design.structure import Part

#: What can be added, and what it is called.
NAMES = {
    "attention": "Attention",
    "dense": "Dense FFN",
    "moe": "MoE layer",
    "layer": "Whole layer",
    "expert_group": "Expert group",
    "shared_expert": "Shared expert",
}
NO_MOE = "There is no MoE layer to add it to. To fix this, add one first."
_FFN = ("dense", "moe")


def add(design: Design, what: str, target: str = "", place: str = "") -> Done | str:
    """Add a part, a whole layer or an expert at `place`, else where it belongs below `target`.

    An FFN goes into the layer of `target` if that has a mixer and no FFN yet, a mixer if it has none;
    everything else becomes a layer of its own.
    """
    if what in ("expert_group", "shared_expert"):
        return _first_good(design, _with_expert(design, what, target, place))
    if what not in NAMES:
        return f"Nothing is called {what[:40]!r} here. To fix this, choose a part from the palette."
    kinds = ("attention", "moe") if what == "layer" else (what,)
    choices = product(*(list(_bodies(design, kind)) for kind in kinds))
    label = "Add a layer" if what == "layer" else f"Add {'attention' if what == 'attention' else NAMES[what]}"
    return _first_good(
        design, (_with_parts(design, what, list(parts), target, place, label) for parts in choices)
    )


def moe_at(design: Design, target: str) -> str | None:
    """The MoE part at `target`, else the nearest one above, else the first one below."""
    here = part_at(design, target)
    parts = list(design.parts())
    at = next((i for i, placed in enumerate(parts) if placed.pointer == here), -1)
    nearest = [*reversed(parts[: at + 1]), *parts[at + 1 :]]
    return next((placed.pointer for placed in nearest if placed.part.body.kind == "moe"), None)


def below(sketch: Sketch, target: str, level: Level) -> tuple[list[Any], int, Level]:
    """Where something of a level goes below `target`: the list, the index, and the level it has there.

    In a blank design, and below what is no layer, all of it becomes layers.
    """
    stacks = sketch.document["stacks"]
    if target.startswith("/task") and not target.startswith("/task/heads"):
        return stacks[0]["layers"], 0, "repeat"
    part = sketch.above(part_at(sketch.design, target), "part")
    if part is None:
        return stacks[-1]["layers"], len(stacks[-1]["layers"]), "repeat"
    found = sketch.above(part.pointer, level)
    assert found is not None
    return found.holder, 1 + _index(found.holder, found.entry), level


def _index(holder: list[Any], entry: Any) -> int:
    return next(i for i, other in enumerate(holder) if other is entry)


def _first_good(design: Design, attempts: Iterator[Done | str]) -> Done | str:
    """The first attempt that brings no error into the design, else the first of all."""
    before = _errors(design)
    first: Done | str | None = None
    for done in attempts:
        if isinstance(done, str):
            return first or done
        if first is None:
            first = done
        after = apply(design, done.edit) if done.edit else design
        if isinstance(after, Design) and not _errors(after) - before:
            return done
    assert first is not None
    return first


def _errors(design: Design) -> Counter[str]:
    found: Counter[str] = Counter()
    for problem in faults(design, stage="cost"):
        if problem.severity == "error":
            found[problem.code] += len(problem.places)
    return found


def _bodies(design: Design, kind: str) -> Iterator[JSON]:
    """A new part like the first of its kind in the design, then one of ordinary proportions."""
    like = next((placed.part for placed in design.parts() if placed.part.body.kind == kind), None)
    if like is not None:
        # Where it reads and joins belongs to its own layer.
        yield Part(body=like.body, norm=like.norm).model_dump(mode="json")
    width = design.width
    write: dict[str, Callable[[], JSON]] = {
        "attention": lambda: ordinary.attention(width, rotary=design.task.kind == "language_model"),
        "dense": lambda: ordinary.dense(width),
        "moe": lambda: ordinary.moe(width),
    }
    yield Part.model_validate({"body": write[kind]()}).model_dump(mode="json")


def _with_parts(
    design: Design, what: str, parts: list[JSON], target: str, place: str, label: str
) -> Done | str:
    sketch = Sketch(design)
    # A body may be tried in several designs, each of which changes its own copy.
    parts = [dict(part) for part in parts]
    there = sketch.place(place) if place else None
    if place and there is None:
        return GONE
    if there is None or there[2] not in ("part", "layer", "repeat"):
        there = _belongs(sketch, what, target or place)
    holder, index, level = there
    layer = {"parts": parts}
    holder[index:index] = parts if level == "part" else [layer if level == "layer" else alone(layer)]
    return sketch.finish(label, parts[-1])


def _belongs(sketch: Sketch, what: str, target: str) -> tuple[list[Any], int, Level]:
    """Where a new part goes that was put nowhere."""
    holder, index, level = below(sketch, target, "part")
    if level != "part":
        return holder, index, level
    mixers = [i for i, part in enumerate(holder) if _mixes(part)]
    if (
        what in _FFN
        and mixers
        and not any(part["body"]["kind"] in (*_FFN, "routed_block") for part in holder)
    ):
        return holder, index if index - 1 in mixers else mixers[-1] + 1, "part"
    if what != "layer" and what not in _FFN and not mixers:
        return holder, index, "part"
    return below(sketch, target, "repeat")


def _mixes(part: JSON) -> bool:
    """Whether a part moves information between tokens; a block of whole layers does."""
    kind = part["body"]["kind"]
    return kind == "routed_block" or issubclass(BODY.members[kind], Mixer)


def _with_expert(design: Design, what: str, target: str, place: str) -> Iterator[Done | str]:
    """One more expert like its neighbour; where that leaves unequal islands, as many as keep them equal."""
    moe = moe_at(design, place or target)
    if moe is None:
        yield NO_MOE
        return
    where = "experts" if what == "expert_group" else "shared"
    path = f"{moe}/body/{where}"
    body = get(design.model_dump(mode="json"), f"{moe}/body")
    groups = body[where]
    at = _expert_index(len(groups), path, target, place)
    like = groups[max(0, at - 1)] if groups else body["experts"][-1]
    total = sum(group["count"] for group in body["experts"])
    missing = body["islands"] - total % body["islands"]
    plain = {"kind": "glu", "hidden": 2 * design.width}
    label = f"Add {NAMES[what].lower()}"
    for shape, count in product((like, plain), (1, missing) if where == "experts" else (1,)):
        sketch = Sketch(design)
        group = EXPERT.parse({**shape, "count": count}).model_dump(mode="json")
        get(sketch.document, path).insert(at, group)
        yield sketch.finish(label, group)


def _expert_index(groups: int, path: str, target: str, place: str) -> int:
    """Before the place, else after the chosen group, else at the end."""
    for pointer, after in ((place, 0), (target, 1)):
        chosen = pointer.removeprefix(f"{path}/").split("/")[0]
        if pointer.startswith(f"{path}/") and chosen.isdecimal():
            return min(groups, int(chosen) + after)
    return groups
