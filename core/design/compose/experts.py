"""Widths and numbers of experts: one of them, or a group."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.design.compose.lists import missing
from core.design.compose.sketch import JSON, Done, Sketch
from core.design.experts.base import EXPERT, Expert
from core.design.plain import most
from core.design.spec import Design

_GROUP = re.compile(r"(/stacks/\d+/layers/\d+/pattern/\d+/parts/\d+)/body/(experts|shared)/(\d+)(/.*)?")
MOST_COUNT = most(Expert, "count")


@dataclass(frozen=True)
class _List:
    """The expert groups of a layer, routed or shared, and which one an act means."""

    path: str
    shared: bool
    groups: list[JSON]
    index: int

    def first(self, index: int) -> int:
        """The number of the first expert of a group."""
        return sum(group["count"] for group in self.groups[:index])

    def holding(self, number: int) -> int | None:
        """The group that expert `number` of the layer is in."""
        for i, group in enumerate(self.groups):
            if 0 <= number - self.first(i) < group["count"]:
                return i
        return None

    def name(self, index: int) -> str:
        """`Expert 7`, `Experts 0–5`, `Shared expert`."""
        first, count = self.first(index), self.groups[index]["count"]
        noun = "Shared expert" if self.shared else "Expert"
        if self.shared and sum(group["count"] for group in self.groups) == 1:
            return noun
        return f"{noun} {first}" if count == 1 else f"{noun}s {first}–{first + count - 1}"


def _list(sketch: Sketch, target: str) -> _List | None:
    match = _GROUP.fullmatch(target)
    part = sketch.above(match[1], "part") if match else None
    if match is None or part is None or part.entry["body"]["kind"] != "moe":
        return None
    groups = part.entry["body"][match[2]]
    return _List(f"{part.pointer}/body/{match[2]}", match[2] == "shared", groups, int(match[3]))


def resize(design: Design, target: str, number: int, width: int, *, alone: bool) -> Done | str:
    """Give the hidden width `width` to expert `number` of the layer (`alone`), or to the group `target`.

    A group is split so that no other expert changes, and equal neighbours become one group again. Numbers
    stay when groups are split, so `number` decides where a group has moved since. A dense FFN is one expert.
    """
    sketch = Sketch(design)
    bank = _list(sketch, target)
    if bank is None:
        return _resize_dense(sketch, target, width)
    index = bank.holding(number) if alone else bank.index
    if index is None or index >= len(bank.groups):
        return missing([target])
    group = bank.groups[index]
    limits = _limits(group["kind"])
    if limits is None:
        return f"{bank.name(index)}: without matrices there is no hidden width."
    wanted, note = _clamped(width, limits)
    if alone and group["count"] > 1:
        index = _split(bank.groups, index, number - bank.first(index))
    label = f"{bank.name(index)}: width {group['hidden']} → {wanted}"
    bank.groups[index]["hidden"] = wanted
    index = _merge(bank.groups, index)
    return sketch.finish(label, f"{bank.path}/{index}", note)


def _resize_dense(sketch: Sketch, target: str, width: int) -> Done | str:
    part = sketch.above(target, "part")
    expert = part.entry["body"].get("expert") if part else None
    limits = _limits(expert["kind"]) if isinstance(expert, dict) else None
    if part is None or not isinstance(expert, dict) or limits is None:
        return missing([target])
    wanted, note = _clamped(width, limits)
    label = f"Dense FFN: width {expert['hidden']} → {wanted}"
    expert["hidden"] = wanted
    return sketch.finish(label, part.pointer, note)


def _limits(kind: str) -> tuple[int, int] | None:
    """Least and most hidden units of a kind of expert; None if it has no matrices."""
    spec = EXPERT.members[kind]
    return (1, most(spec, "hidden")) if "hidden" in spec.model_fields else None


def _clamped(width: int, limits: tuple[int, int]) -> tuple[int, str]:
    wanted = min(max(width, limits[0]), limits[1])
    note = (
        f"A hidden width is {limits[0]} to {limits[1]} units, so it is {wanted}." if wanted != width else ""
    )
    return wanted, note


def _split(groups: list[JSON], index: int, at: int) -> int:
    """Let expert `at` of a group stand alone; returns the index of its group."""
    group = groups[index]
    counts = [(at, False), (1, True), (group["count"] - at - 1, False)]
    groups[index : index + 1] = [{**group, "count": n} for n, _ in counts if n]
    return index + (1 if at else 0)


def _merge(groups: list[JSON], index: int) -> int:
    """Join a group with equal neighbours; returns where it is then."""
    for left in (index, index - 1):
        if 0 <= left < len(groups) - 1 and {**groups[left], "count": 1} == {**groups[left + 1], "count": 1}:
            joined = groups[left]["count"] + groups[left + 1]["count"]
            if joined <= MOST_COUNT:
                groups[left : left + 2] = [{**groups[left], "count": joined}]
                index = min(index, left)
    return index


def count(design: Design, target: str, by: int) -> Done | str:
    """`by` experts more or fewer in a group; the last one of a group takes it away if others are left."""
    sketch = Sketch(design)
    bank = _list(sketch, target)
    if bank is None or bank.index >= len(bank.groups):
        return missing([target])
    group = bank.groups[bank.index]
    noun = "Shared experts" if bank.shared else "Experts"
    tail = f" of group {bank.index + 1}" if len(bank.groups) > 1 else ""
    if group["count"] + by < 1 and group["count"] == 1:
        if len(bank.groups) == 1 and not bank.shared:
            return "An MoE layer keeps one routed expert at least. To go without, delete the layer."
        del bank.groups[bank.index]
        left = min(bank.index, len(bank.groups) - 1)
        select = f"{bank.path}/{left}" if bank.groups else bank.path.rsplit("/body/", 1)[0]
        return sketch.finish(f"Remove {'shared expert' if bank.shared else 'expert group'}", select)
    wanted = min(max(1, group["count"] + by), MOST_COUNT)
    note = f"A group has {MOST_COUNT} experts at most." if group["count"] + by > wanted else ""
    label = f"{noun}{tail}: {group['count']} → {wanted}"
    group["count"] = wanted
    return sketch.finish(label, f"{bank.path}/{bank.index}", note)
