"""Taking away, doubling and moving what stands in lists: parts, layers, repeats, experts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.design.compose.sketch import JSON, Done, Level, Sketch, Spot
from core.design.compose.words import name, where
from core.design.spec import Design

GONE = "Nothing stands here any more."
_ENDS = "The ends of a design stay where they are; its layers, parts and experts can be changed."


def missing(targets: Sequence[str]) -> str:
    """Why `targets` name nothing that an act can work on."""
    return GONE if any("/layers/" in target for target in targets) else _ENDS


def delete(design: Design, targets: Sequence[str]) -> Done | str:
    """Take away what `targets` stand for, and the holders that are emptied by it."""
    sketch = Sketch(design)
    spots = sketch.lifted(targets)
    if not spots:
        return missing(targets)
    # The last of a list that must have one: an expert group takes its layer along, an answer stays.
    for spot in spots:
        if spot.pointer.startswith("/task/heads/") and all(
            any(entry is other.entry for other in spots) for entry in spot.holder
        ):
            return "A design answers with one head at least. To fix this, add another one first."
    label = f"Remove {name(sketch, spots)}"
    first = spots[0]
    after = _neighbour(first, spots)
    sketch.take(spots)
    done = sketch.finish(label, after if after is not None else "")
    if isinstance(done, str) or done.select or done.edit is None:
        return done
    return Done(done.edit, _standing(sketch, first.pointer), done.note, done.moved)


def _neighbour(first: Spot, spots: Sequence[Spot]) -> JSON | None:
    """What is selected when `first` and the others are gone: the next of its list, else the one before."""
    gone = {id(spot.entry) for spot in spots}
    at = next(i for i, entry in enumerate(first.holder) if entry is first.entry)
    for entry in [*first.holder[at + 1 :], *reversed(first.holder[:at])]:
        if id(entry) not in gone:
            kept: JSON = entry
            return kept
    return None


def _standing(sketch: Sketch, pointer: str) -> str:
    """Where the hand is when a whole list went: the part it belonged to, else the layer that moved up."""
    part = sketch.above(pointer, "part")
    if part is not None and "/body/" in pointer:
        return part.pointer
    keys = pointer.split("/")
    for depth, level in ((7, "layer"), (5, "repeat")):
        for index in (int(keys[depth - 1]), int(keys[depth - 1]) - 1) if len(keys) >= depth else ():
            spot = sketch.spot("/".join([*keys[: depth - 1], str(max(0, index))]))
            if spot is not None and spot.level == level:
                return sketch.shown(spot.entry)
    return ""


def duplicate(design: Design, targets: Sequence[str]) -> Done | str:
    """Another one of each of `targets`, all of a list after the last of them."""
    sketch = Sketch(design)
    spots = sketch.lifted(targets)
    if not spots:
        return missing(targets)
    copies: list[JSON] = []
    for holder in _holders(spots):
        here = [spot for spot in spots if spot.holder is holder]
        made = [sketch.copy(spot.entry) for spot in here]
        at = 1 + next(i for i, entry in enumerate(holder) if entry is here[-1].entry)
        holder[at:at] = made
        copies += made
    return sketch.finish(f"Duplicate {name(sketch, spots)}", copies[0])


def _holders(spots: Sequence[Spot]) -> list[list[Any]]:
    """The lists that entries stand in, each once."""
    return list({id(spot.holder): spot.holder for spot in spots}.values())


def move(design: Design, targets: Sequence[str], by: int) -> Done | str:
    """Move by one up (`by` below 0) or down: the layers of `targets`, or experts in their list.

    A lone layer passes a whole repeat. In a pattern that turns more than once a layer stays in it.
    """
    sketch = Sketch(design)
    spots = sketch.spots(targets)
    if not spots or by == 0:
        return missing(targets) if not spots else Done(None, targets[0])
    units = _units(sketch, spots)
    label = f"Move {name(sketch, units)} {'up' if by < 0 else 'down'}"
    refused = [_shift(sketch, holder, units, by) for holder in _holders(units)]
    done = sketch.finish(label, spots[0].entry)
    said = next((reason for reason in refused if reason), "")
    if isinstance(done, Done) and done.edit is None and said:
        return said
    return done


def _units(sketch: Sketch, spots: Sequence[Spot]) -> list[Spot]:
    """What moves for each entry: its layer, or the repeat if the whole pattern moves; experts themselves."""
    targets = []
    for spot in spots:
        if spot.level == "part":
            targets.append(spot.pointer.rsplit("/parts/", 1)[0])
        else:
            targets.append(spot.pointer)
    units = sketch.lifted(targets)
    if any(unit.level in ("repeat", "layer") for unit in units):
        units = [unit for unit in units if unit.level in ("repeat", "layer")]
    return units


def _shift(sketch: Sketch, holder: list[Any], units: Sequence[Spot], by: int) -> str:
    """Move the units of one list by one; a sentence if the one at the end cannot go further."""
    chosen = {id(unit.entry): unit for unit in units if unit.holder is holder}
    order = holder if by < 0 else holder[::-1]
    end = order[0]
    stuck = 0
    while stuck < len(order) and id(order[stuck]) in chosen:
        stuck += 1
    if stuck:
        unit = chosen[id(end)]
        # At the end of a pattern that turns once, a layer leaves it and stands alone.
        if unit.level != "layer" or stuck > 1:
            return _at_end(unit, by)
        return _leave(sketch, unit, by)
    moved = list(order)
    for i in range(1, len(moved)):
        if id(moved[i]) in chosen:
            moved[i - 1], moved[i] = moved[i], moved[i - 1]
    holder[:] = moved if by < 0 else moved[::-1]
    return ""


def _at_end(unit: Spot, by: int) -> str:
    side = "first" if by < 0 else "last"
    return f"This is the {side} {'layer' if unit.level in ('repeat', 'layer') else 'of its list'} already."


def _leave(sketch: Sketch, unit: Spot, by: int) -> str:
    around = sketch.above(unit.pointer, "repeat")
    assert around is not None
    if around.entry["times"] > 1:
        side = "first" if by < 0 else "last"
        return (
            f"This is the {side} layer of a pattern that turns {around.entry['times']} times. "
            "To take it out, drag it, or unroll the repeat."
        )
    sketch.take([unit])
    at = next(i for i, entry in enumerate(around.holder) if entry is around.entry)
    around.holder.insert(at if by < 0 else at + 1, alone(unit.entry))
    return ""


def alone(layer: JSON) -> JSON:
    """A repeat of one layer, once."""
    return {"times": 1, "pattern": [layer]}


def put(design: Design, targets: Sequence[str], place: str) -> Done | str:
    """Move `targets` to a place, as what belongs there: parts between layers become a layer of their own."""
    sketch = Sketch(design)
    spots = sketch.lifted(targets)
    if not spots:
        return missing(targets)
    there = sketch.place(place)
    if there is None:
        return GONE
    holder, index, level = there
    if any(place.startswith(f"{spot.pointer}/") for spot in spots):
        return Done(None, sketch.shown(spots[0].entry))
    chosen = {id(spot.entry) for spot in spots}
    anchor = next((entry for entry in holder[index:] if id(entry) not in chosen), None)
    what = name(sketch, spots)
    entries = fitting(spots, level, holder)
    if isinstance(entries, str):
        return entries
    sketch.take(spots)
    at = next((i for i, entry in enumerate(holder) if entry is anchor), len(holder))
    holder[at:at] = entries
    if _lost_experts(sketch, spots):
        return "An MoE layer keeps one group of routed experts at least. To fix this, add another one first."
    done = sketch.finish("", spots[0].entry if _lives(sketch, spots[0].entry) else entries[0])
    if isinstance(done, str) or done.edit is None:
        return done
    goal = "" if level in ("expert", "shared", "other") else f" to {where(sketch, done.select)}"
    label = f"Move {what}{goal}"[:200]
    return Done(done.edit.model_copy(update={"label": label}), done.select, done.note, done.moved)


def _lives(sketch: Sketch, entry: JSON) -> bool:
    return bool(sketch.pointer_of(entry))


def _lost_experts(sketch: Sketch, spots: Sequence[Spot]) -> bool:
    return any(spot.level == "expert" and not spot.holder for spot in spots)


def fitting(spots: Sequence[Spot], level: Level, holder: list[Any]) -> list[JSON] | str:
    """The entries of `spots` as a list of this level takes them, or why it does not."""
    levels = {spot.level for spot in spots}
    if level in ("expert", "shared"):
        return [spot.entry for spot in spots] if levels <= {"expert", "shared"} else _BELONGS_IN_LAYERS
    if level == "other":
        return [spot.entry for spot in spots] if all(spot.holder is holder for spot in spots) else _OTHER
    if levels & {"expert", "shared"}:
        return _BELONGS_IN_MOE
    if "other" in levels:
        return _OTHER
    if level == "part":
        return _as_parts(spots)
    layers = _as_layers(spots) if level == "layer" else None
    if isinstance(layers, list | str):
        return layers
    repeats: list[JSON] = []
    for spot, entry in _grouped(spots):
        repeats.append(entry if spot.level == "repeat" else alone(entry))
    return repeats


_BELONGS_IN_MOE = "Experts belong into an MoE layer. To fix this, put them beside other experts."
_BELONGS_IN_LAYERS = "Only experts can stand here. To fix this, put parts between parts or layers."
_OTHER = "This belongs where it stands; it can only change its order there."


def _as_parts(spots: Sequence[Spot]) -> list[JSON] | str:
    parts: list[JSON] = []
    for spot in spots:
        if spot.level == "part":
            parts.append(spot.entry)
        elif spot.level == "layer":
            parts += spot.entry["parts"]
        elif spot.entry["times"] * len(spot.entry["pattern"]) == 1:
            parts += spot.entry["pattern"][0]["parts"]
        else:
            return "A repeat cannot stand inside a layer. To fix this, put it between layers."
    return parts


def _as_layers(spots: Sequence[Spot]) -> list[JSON] | str:
    layers: list[JSON] = []
    for spot, entry in _grouped(spots):
        if spot.level != "repeat":
            layers.append(entry)
        elif spot.entry["times"] == 1:
            layers += spot.entry["pattern"]
        else:
            return (
                "A repeat cannot stand inside another one. "
                "To fix this, put it between layers that stand alone, or unroll it first."
            )
    return layers


def _grouped(spots: Sequence[Spot]) -> list[tuple[Spot, JSON]]:
    """Parts of one layer as a new layer of theirs, everything else as it is."""
    out: list[tuple[Spot, JSON]] = []
    for spot in spots:
        if spot.level != "part":
            out.append((spot, spot.entry))
        elif out and out[-1][0].holder is spot.holder:
            out[-1][1]["parts"].append(spot.entry)
        else:
            out.append((spot, {"parts": [spot.entry]}))
    return out
