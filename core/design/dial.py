"""The size dial: width, depth and experts of a whole design times a factor each, its rules of shape kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, cast

from core.design.base import field
from core.design.bodies.attention import Attention
from core.design.bodies.base import BODY, Body
from core.design.bodies.mla import LatentAttention
from core.design.bodies.moe import MOST_EXPERTS
from core.design.edit import EDIT, Edit
from core.design.experts.glu import Glu
from core.design.plain import most
from core.design.routing.modifier.base import MODIFIER, Modifier
from core.design.spec import MOST_LAYERS, Design
from core.design.structure import MOST_TURNS

JSON = dict[str, Any]

MOST_FACTOR = 64.0
_MOST_WIDTH, _MOST_HIDDEN = most(Design, "width"), most(Glu, "hidden")
_MOST_RANK = most(LatentAttention, "kv_rank")
_MOST_HEADS = most(Attention, "heads")


@EDIT.register
class Resize(Edit):
    """Width, depth and experts times a factor each; a factor of 1 leaves its axis as it is.

    Width: the model's and all hidden widths and ranks keep their ratio, as multiples of 8, of 64 from 512 on.
    Heads keep their width, so their number grows, and keep their query heads for a key head. Depth: each
    repeat turns more or fewer times, at least once; patterns stay. Experts: groups keep their shares, islands
    stay equal, and a token picks the same share of experts; shared experts stay.
    """

    kind: Literal["resize"] = "resize"
    width: float = field(1.0, gt=0, le=MOST_FACTOR)
    depth: float = field(1.0, gt=0, le=MOST_FACTOR)
    experts: float = field(1.0, gt=0, le=MOST_FACTOR)

    def write(self, document: Any) -> Any:
        if self.width != 1:
            old = document["width"]
            document["width"] = wide(old, self.width, _MOST_WIDTH)
            _rescale(document["stacks"], _Width(old, document["width"]))
        if self.depth != 1:
            _deepen(document["stacks"], self.depth)
        if self.experts != 1:
            _rescale(document["stacks"], _Experts(self.experts))
        return document


def even(factor: float, label: str = "") -> Resize:
    """All three axes by one factor, so that parameters grow about by `factor`: width counts twice."""
    each = min(MOST_FACTOR, factor**0.25)
    return Resize(width=each, depth=each, experts=each, label=label)


def wide(old: int, scale: float, most: int) -> int:
    """A width times `scale`, as a multiple of 8, or of 64 from 512 on; it never moves the other way."""
    if scale == 1:
        return old
    wanted = old * scale
    step = 64 if wanted >= 512 else 8
    rounded = min(most, max(8, _nearest(wanted / step) * step))
    return max(old, rounded) if scale > 1 else min(old, rounded)


def _nearest(number: float) -> int:
    """Halves go up: the built-in rounds them to even, which jumps."""
    return math.floor(number + 0.5)


def _rescale(node: Any, change: Callable[[JSON], None]) -> None:
    """`change` every object of the tree."""
    if isinstance(node, list):
        for entry in node:
            _rescale(entry, change)
    elif isinstance(node, dict):
        change(node)
        for value in list(node.values()):
            _rescale(value, change)


def _body(node: JSON) -> type[Body] | None:
    """The kind of part that an object is, None for anything else."""
    return cast("type[Body] | None", BODY.members.get(node.get("kind", "")))


class _Width:
    """Widths, ranks and heads of one object for a model that goes from `old` to `new`."""

    def __init__(self, old: int, new: int) -> None:
        self.old, self.new, self.scale = old, new, new / old

    def __call__(self, node: JSON) -> None:
        for name, limit in (
            ("hidden", _MOST_HIDDEN),
            ("latent", _MOST_WIDTH),
            ("q_rank", _MOST_RANK),
            ("kv_rank", _MOST_RANK),
            ("dt_rank", _MOST_RANK),
            ("rank", _MOST_RANK),
        ):
            if isinstance(node.get(name), int):
                node[name] = wide(node[name], self.scale, limit)
        body = _body(node)
        if body is not None and body.heads_by is not None:
            self._together(node, body, *body.heads_by)
            return
        for name in ("heads", "kv_heads"):
            if isinstance(node.get(name), int):
                node[name] = self._count(node[name])

    def _count(self, heads: int) -> int:
        return min(_MOST_HEADS, max(1, _nearest(heads * self.scale)))

    def _together(self, node: JSON, body: type[Body], many: str, few: str) -> None:
        """`many` stays the same multiple of `few` as long as one of these is left; heads keep their width."""
        heads, groups, limit = node[many], node[few], most(body, many)
        head, group = max(1, self.old // heads), max(1, heads // groups)
        if groups * self.scale < 0.5:
            node[few], node[many] = 1, max(1, _nearest(heads * self.scale))
        elif groups > heads:  # a mistake that is told elsewhere, and no multiple to keep
            node[few], node[many] = self._count(groups), self._count(heads)
        else:
            largest = min(_MOST_HEADS, max(1, limit // group))
            node[few] = min(largest, max(1, _nearest(groups * self.scale)))
            node[many] = node[few] * group
        # Where none is written, it is the model's width over the heads.
        unwritten = "head_width" in node and node["head_width"] is None
        if unwritten and (self.new % node[many] or self.new // node[many] != head):
            node["head_width"] = head


def _deepen(stacks: list[JSON], factor: float) -> None:
    repeats = [repeat for stack in stacks for repeat in stack["layers"]]

    def turns(by: float) -> list[int]:
        return [min(MOST_TURNS, max(1, _nearest(repeat["times"] * by))) for repeat in repeats]

    def fits(by: float) -> bool:
        return sum(n * len(r["pattern"]) for n, r in zip(turns(by), repeats, strict=True)) <= MOST_LAYERS

    if factor > 1 and not fits(factor):
        low, high = 1.0, factor
        for _ in range(30):
            middle = (low + high) / 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        factor = low
    for repeat, times in zip(repeats, turns(factor), strict=True):
        repeat["times"] = times


class _Experts:
    """Counts of experts of one object, and what a token picks of them."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, node: JSON) -> None:
        body = _body(node)
        if body is None or body.bank is None:
            return
        bank = node[body.bank]
        groups = bank if isinstance(bank, list) else None
        old = bank if groups is None else sum(group["count"] for group in groups)
        new = self._fitting(node, old, MOST_EXPERTS if groups is not None else most(body, body.bank))
        node[body.bank] = new if groups is None else spread(groups, new)
        _pick(node["router"], old, new)

    def _fitting(self, node: JSON, old: int, most: int) -> int:
        """The nearest count from the wanted one on that splits into islands and holds what a token picks."""
        wanted = min(max(most, old), max(min(old, 2), _nearest(old * self.factor)))
        if not _holds(node, old, old):
            return wanted  # What is wrong already cannot be kept right.
        if wanted < old:
            return next((n for n in range(wanted, old) if _holds(node, old, n)), old)
        upward = next((n for n in range(wanted, most + 1) if _holds(node, old, n)), 0)
        return upward or next(n for n in range(wanted, old - 1, -1) if _holds(node, old, n))


def _holds(node: JSON, old: int, new: int) -> bool:
    islands, router = node.get("islands", 1), node["router"]
    select = router["select"]
    if new % islands:
        return False
    picked = max((_share(select, name, old, new) for name in _PICKS if name in select), default=1)
    modifiers = cast("list[Modifier]", [MODIFIER.parse(modifier) for modifier in router["modifiers"]])
    open_after = [(islands, new // islands), *(modifier.left(new, islands) for modifier in modifiers)]
    return all(picked <= min(left, select.get("top_islands", left)) * size for left, size in open_after)


#: Fields of a selection that count experts of a token.
_PICKS = ("k", "max_k", "min_k", "per_token")


def _share(select: JSON, name: str, old: int, new: int) -> int:
    """The same share of `new` experts; two or more stay two or more, and a schedule stays what it is."""
    k = select[name]
    if not isinstance(k, int):
        return max((int(n) for n in _numbers(k)), default=1)
    if select.get("random_second") or k == 1:
        return k
    return max(2, _nearest(k * new / old))


def _numbers(value: Any) -> list[float]:
    """All numbers in a piece of JSON."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for entry in value for number in _numbers(entry)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


def _pick(router: JSON, old: int, new: int) -> None:
    select = router["select"]
    for name in _PICKS:
        if isinstance(select.get(name), int):
            select[name] = _share(select, name, old, new)


def spread(groups: list[JSON], new: int) -> list[JSON]:
    """The groups with `new` experts in all. A smaller bank is always part of a larger one.

    Each group keeps one expert as long as there is room, and its share of the others.
    """
    old = sum(group["count"] for group in groups)
    turns, rest = divmod(new, old)
    owners = [g for g, group in enumerate(groups) for _ in range(group["count"])]
    first = {owners.index(g): g for g in range(len(groups))}
    others = sorted((i for i in range(old) if i not in first), key=_scattered)
    more = [0] * len(groups)
    for index in [*first, *others][:rest]:
        more[owners[index]] += 1
    counts = [group["count"] * turns + extra for group, extra in zip(groups, more, strict=True)]
    return [{**group, "count": n} for group, n in zip(groups, counts, strict=True) if n]


def _scattered(index: int) -> int:
    """Bits of the index mirrored: any first few of this order lie evenly over the whole range."""
    return int(f"{index:013b}"[::-1], 2)
