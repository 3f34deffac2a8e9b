"""A private copy of a design that an act rearranges, and the one edit that comes of it.

Entries of lists are found by pointer once and known by identity from then on, so no pointer shifts while
several of them are moved or taken away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Literal

from core.design.bodies.moe import Moe
from core.design.edit import Edit, SetValue
from core.design.edits import together
from core.design.plain import most
from core.design.pointer import PointerError, escape, get, steps
from core.design.spec import MOST_LAYERS, Design, Stack
from core.design.structure import Layer, Repeat

JSON = dict[str, Any]
Level = Literal["repeat", "layer", "part", "expert", "shared", "other"]

_REPEAT = r"/stacks/\d+/layers/\d+"
_LAYER = _REPEAT + r"/pattern/\d+"
_PART = _LAYER + r"/parts/\d+"
_LEVELS: tuple[tuple[Level, re.Pattern[str]], ...] = (
    ("repeat", re.compile(_REPEAT)),
    ("layer", re.compile(_LAYER)),
    ("part", re.compile(_PART)),
    ("expert", re.compile(_PART + r"/body/experts/\d+")),
    ("shared", re.compile(_PART + r"/body/shared/\d+")),
)


MOST_PARTS = most(Layer, "parts")
MOST_PATTERN = most(Repeat, "pattern")
MOST_REPEATS = most(Stack, "layers")
MOST_GROUPS = most(Moe, "experts")
MOST_SHARED = most(Moe, "shared")


@dataclass(frozen=True)
class Done:
    """What an act comes to: the edit (None if all stays as it is), what to select then, a remark.

    `moved` leads from pointers of parts before to pointers after.
    """

    edit: Edit | None
    select: str
    note: str = ""
    moved: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Spot:
    """An entry of a list: where it stood before the act, the list, the entry."""

    pointer: str
    level: Level
    holder: list[Any]
    entry: JSON


def level_of(pointer: str) -> Level:
    """What kind of list entry a pointer leads to."""
    return next((level for level, shape in _LEVELS if shape.fullmatch(pointer)), "other")


def entry_at(target: str) -> str:
    """The list entry that `target` stands for: an expert group, a shared expert, a part or a repeat."""
    keys = steps(target)
    while keys and not keys[-1].isdecimal():
        keys.pop()
    return "".join(f"/{key}" for key in keys)


def part_at(design: Design, target: str) -> str:
    """The pointer of the part that `target` is or lies in, else the last one below it, else the last of all.

    Empty in a blank design.
    """
    parts = [placed.pointer for placed in design.parts()]
    for pointer in parts:
        if target == pointer or target.startswith(pointer + "/"):
            return pointer
    within = [pointer for pointer in parts if target and pointer.startswith(target + "/")]
    return within[-1] if within else parts[-1] if parts else ""


class Sketch:
    """The copy of one design, for one act."""

    def __init__(self, design: Design) -> None:
        self.design = design
        self.document: Any = design.model_dump(mode="json")
        self._before = design.model_dump(mode="json")
        self._parts = list(self.parts())
        self._readers = [
            (part, parts[part["reads"]])
            for layer in self._layers()
            for parts in [layer["parts"]]
            for part in parts
            if isinstance(part["reads"], int) and 0 <= part["reads"] < len(parts)
        ]

    # ---- finding
    def _layers(self) -> Iterator[JSON]:
        for stack in self.document["stacks"]:
            for repeat in stack["layers"]:
                yield from repeat["pattern"]

    def parts(self) -> Iterator[tuple[str, JSON]]:
        """Pointer and JSON of every part as they stand now."""
        for s, stack in enumerate(self.document["stacks"]):
            for r, repeat in enumerate(stack["layers"]):
                for n, layer in enumerate(repeat["pattern"]):
                    for p, part in enumerate(layer["parts"]):
                        yield f"/stacks/{s}/layers/{r}/pattern/{n}/parts/{p}", part

    def spot(self, target: str) -> Spot | None:
        """The list entry that `target` is or lies in; None if nothing there can be moved or taken away."""
        try:
            keys = steps(target)
        except PointerError:
            return None
        found, node, path = None, self.document, ""
        for key in keys:
            if isinstance(node, list):
                if not key.isdecimal() or int(key) >= len(node):
                    return None
                path = f"{path}/{int(key)}"
                holder, node = node, node[int(key)]
                if isinstance(node, dict) and path.count("/") > 2:
                    found = Spot(path, level_of(path), holder, node)
            elif isinstance(node, dict) and key in node:
                path, node = f"{path}/{key}", node[key]
            else:
                return None
        return found

    def spots(self, targets: Iterable[str]) -> list[Spot]:
        """The entries of `targets` in order, each once; what lies in another is left out."""
        found = {spot.pointer: spot for target in targets if (spot := self.spot(target))}
        inner = (pointer for pointer in found if any(pointer.startswith(f"{outer}/") for outer in found))
        for pointer in list(inner):
            del found[pointer]
        return sorted(found.values(), key=lambda spot: _order(spot.pointer))

    def lifted(self, targets: Iterable[str]) -> list[Spot]:
        """As `spots`, but all parts of a layer (two at least) are the layer, all layers of a repeat it."""
        spots = self.spots(targets)
        chosen = {id(spot.entry) for spot in spots}
        up: list[str] = []
        for s, stack in enumerate(self.document["stacks"]):
            for r, repeat in enumerate(stack["layers"]):
                whole = 0
                for n, layer in enumerate(repeat["pattern"]):
                    parts = layer["parts"]
                    if id(layer) in chosen or (len(parts) > 1 and all(id(part) in chosen for part in parts)):
                        up.append(f"/stacks/{s}/layers/{r}/pattern/{n}")
                        whole += 1
                if whole == len(repeat["pattern"]):
                    up.append(f"/stacks/{s}/layers/{r}")
        return self.spots([*(spot.pointer for spot in spots), *up])

    def above(self, pointer: str, level: Level) -> Spot | None:
        """The repeat, layer or part that encloses `pointer`, or is it."""
        depth = {"repeat": 4, "layer": 6, "part": 8}[level]
        spot = self.spot("/".join(pointer.split("/")[: depth + 1]))
        return spot if spot and spot.level == level else None

    def place(self, pointer: str) -> tuple[list[Any], int, Level] | None:
        """The list, the index and the level of a place; None if `pointer` is none."""
        holder, _, index = pointer.rpartition("/")
        try:
            entries = get(self.document, holder)
        except PointerError:
            return None
        if not isinstance(entries, list) or not index.isdecimal() or int(index) > len(entries):
            return None
        return entries, int(index), level_of(pointer)

    def pointer_of(self, entry: JSON) -> str:
        """Where an entry stands now; empty if it is gone."""
        return next((path for path, node in _walk(self.document, "") if node is entry), "")

    # ---- changing
    def take(self, spots: Iterable[Spot]) -> None:
        """Take entries out of their lists."""
        for spot in spots:
            spot.holder[:] = [entry for entry in spot.holder if entry is not spot.entry]

    def copy(self, entry: JSON) -> JSON:
        """Another one of an entry. A part goes on reading what it read, as long as that is in its layer."""
        other: JSON = deepcopy(entry)
        self._readers += [(other, read) for part, read in self._readers if part is entry]
        return other

    # ---- done
    def finish(self, label: str, select: JSON | str, note: str = "") -> Done | str:
        """The edit, or a sentence on why it cannot be. `select` is an entry, or a pointer after the act."""
        self._prune()
        if full := self._overfull():
            return full
        self._mend_reads()
        edits = tuple(
            SetValue(path=path, value=get(self.document, path), label=label[:200])
            for key in self.document
            if (path := _changed(self._before[key], self.document[key], f"/{key}")) is not None
        )
        edit = together(edits, label[:200]) if edits else None
        now = {id(part): pointer for pointer, part in self.parts()}
        moved = {pointer: now[id(part)] for pointer, part in self._parts if id(part) in now}
        target = self._standing(select) if isinstance(select, str) else self.shown(select)
        return Done(edit, target, note, moved)

    def shown(self, entry: JSON) -> str:
        """The pointer that the drawing can show for an entry: a lone layer is its first part."""
        pointer = self.pointer_of(entry)
        level = level_of(pointer)
        if level == "repeat" and entry["times"] * len(entry["pattern"]) == 1:
            return f"{pointer}/pattern/0/parts/0"
        return f"{pointer}/parts/0" if level == "layer" else pointer

    def _standing(self, pointer: str) -> str:
        """The pointer, or what is left around it."""
        while pointer:
            try:
                get(self.document, pointer)
            except PointerError:
                pointer = pointer.rpartition("/")[0]
            else:
                break
        return pointer

    def _prune(self) -> None:
        """Holders that were emptied go with what they held."""
        for stack in self.document["stacks"]:
            for repeat in stack["layers"]:
                for layer in repeat["pattern"]:
                    layer["parts"] = _kept(layer["parts"], lambda part: part["body"].get("experts") != [])
                repeat["pattern"] = _kept(repeat["pattern"], lambda layer: layer["parts"])
            stack["layers"] = _kept(stack["layers"], lambda repeat: repeat["pattern"])

    def _overfull(self) -> str:
        """A sentence about a list that is longer than a design holds."""
        layers = 0
        for stack in self.document["stacks"]:
            if len(stack["layers"]) > MOST_REPEATS:
                return (
                    f"A stack holds {MOST_REPEATS} single layers and repeats at most. "
                    "To fix this, gather equal layers into a repeat."
                )
            for repeat in stack["layers"]:
                layers += repeat["times"] * len(repeat["pattern"])
                if len(repeat["pattern"]) > MOST_PATTERN:
                    return f"The pattern of a repeat holds {MOST_PATTERN} layers at most."
        if layers > MOST_LAYERS:
            return f"A design holds {MOST_LAYERS} layers at most; this would make {layers}."
        for layer in self._layers():
            if len(layer["parts"]) > MOST_PARTS:
                return f"A layer holds {MOST_PARTS} parts at most."
            for part in layer["parts"]:
                if part["body"]["kind"] != "moe":
                    continue
                if len(part["body"]["experts"]) > MOST_GROUPS:
                    return f"An MoE layer holds {MOST_GROUPS} groups of experts at most."
                if len(part["body"]["shared"]) > MOST_SHARED:
                    return f"An MoE layer holds {MOST_SHARED} groups of shared experts at most."
        return ""

    def _mend_reads(self) -> None:
        """Parts that read an earlier part by number follow it; where it is gone, they read the stream."""
        homes = {id(part): layer["parts"] for layer in self._layers() for part in layer["parts"]}
        for part, read in self._readers:
            there = [i for i, other in enumerate(homes.get(id(part), ())) if other is read]
            part["reads"] = there[0] if there else "stream"


def _kept(entries: list[Any], keep: Any) -> list[Any]:
    """The same list if all stay, so that what refers to it still does."""
    return entries if all(map(keep, entries)) else [entry for entry in entries if keep(entry)]


def _order(pointer: str) -> list[Any]:
    return [int(key) if key.isdecimal() else key for key in pointer.split("/")]


def _walk(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    yield path, node
    if isinstance(node, dict):
        for key, value in node.items():
            if isinstance(value, dict | list):
                yield from _walk(value, f"{path}/{escape(key)}")
    elif isinstance(node, list):
        for i, value in enumerate(node):
            if isinstance(value, dict | list):
                yield from _walk(value, f"{path}/{i}")


def _changed(before: Any, after: Any, path: str) -> str | None:
    """The pointer of the smallest value that holds every difference; None if there is none."""
    pairs: list[tuple[Any, Any, Any]] = []
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        pairs = [(key, before[key], after[key]) for key in before]
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = [(i, *pair) for i, pair in enumerate(zip(before, after, strict=True))]
    elif before == after:
        return None
    else:
        return path
    different = [(key, old, new) for key, old, new in pairs if old != new]
    if not different:
        return None
    if len(different) > 1:
        return path
    key, old, new = different[0]
    return _changed(old, new, f"{path}/{key}")
