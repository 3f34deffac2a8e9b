"""What differs between two designs, in the words of the field: "Layers 3–26, MoE layer: experts 8 → 16".

Layers are compared one by one, whatever repeats they are written in, and said together where they changed
alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import BaseModel

from core.design import saying
from core.design.align import Pair, align, leaves, share
from core.design.experts.base import Expert
from core.design.spec import Design, Stack
from core.design.structure import Layer, Part

Kind = Literal["set", "added", "removed", "moved"]


@dataclass(frozen=True)
class Change:
    """One difference. `before` or `after` is empty where there is nothing; pointers lead into either design.

    Of several layers that changed alike, the pointers are those of the first.
    """

    where: str
    kind: Kind
    name: str
    before: str
    after: str
    before_pointer: str = ""
    after_pointer: str = ""

    @property
    def what(self) -> str:
        """The change without its place: `experts 8 → 16`, `added 1 shared expert of width 512`."""
        if self.kind == "added":
            return f"added {self.after}"
        if self.kind == "removed":
            return f"removed {self.before}"
        if self.kind == "moved":
            return f"{self.name} moved from {self.before}".strip()
        # `128 → 256 tokens`: a unit is said once.
        unit = self.after.rpartition(" ")[2] if " " in self.after else ""
        before = self.before.removesuffix(f" {unit}") if unit == "tokens" else self.before
        return f"{self.name} {before} → {self.after}".strip()

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True)
class _Said:
    """A change inside a part; paths are relative to it. `place` names the part within its layer."""

    kind: Kind
    name: str
    before: str
    after: str
    at: tuple[str, str] = ("", "")
    place: str = ""

    def under(self, before: str, after: str, place: str = "") -> _Said:
        return replace(self, at=(before + self.at[0], after + self.at[1]), place=place or self.place)


@dataclass(frozen=True)
class _Found:
    """What was said of one layer (number from 1), or of no layer: 0."""

    layer: int
    said: _Said


def diff(before: Design, after: Design) -> tuple[Change, ...]:
    """What turns one design into the other; empty exactly if both have the same sha. Names do not count."""
    if before.sha == after.sha:
        return ()
    return tuple(_whole(before, after))


def summary(changes: Sequence[Change], most: int = 2) -> str:
    """One line: the first changes, and how many more there are."""
    if not changes:
        return "no difference"
    more = [f"{len(changes) - most} more"] if len(changes) > most else []
    return "; ".join([*map(str, changes[:most]), *more])


def _whole(before: Design, after: Design) -> Iterator[Change]:
    outside: tuple[tuple[str, str], ...] = (
        ("Whole design", "width"),
        ("Task", "task"),
        ("Embedding", "embedding"),
        ("Norm", "norm"),
    )
    for where, name in outside:
        for said in _field(before, after, name):
            yield _change(where, said)
    pairs = _aligned(before.stacks, after.stacks)
    several = max(len(before.stacks), len(after.stacks)) > 1
    for pair in pairs:
        x = before.stacks[pair.before] if pair.before is not None else None
        y = after.stacks[pair.after] if pair.after is not None else None
        at = (f"/stacks/{pair.before}", f"/stacks/{pair.after}")
        name = (y or x).name.replace("_", " ").capitalize() if several else ""  # type: ignore[union-attr]
        if x is None or y is None or pair.moved:
            yield _change(name, _entry(pair, before.stacks, after.stacks, "stack", _stack_text).under(*at))
        else:
            yield from _stack(x, y, at, name)


def _stack_text(stack: Stack) -> str:
    return f"a stack of {saying.plural(stack.depth, 'layer')}"


def _change(where: str, said: _Said) -> Change:
    at = ("" if said.kind == "added" else said.at[0], "" if said.kind == "removed" else said.at[1])
    return Change(where, said.kind, said.name, said.before, said.after, *at)


# ---- layers of a stack
@dataclass(frozen=True)
class _Turn:
    """A layer of the unrolled stack, its text, and its pointer within the stack."""

    layer: Layer
    key: str
    pointer: str


def _unrolled(stack: Stack) -> list[_Turn]:
    turns = []
    for r, repeat in enumerate(stack.layers):
        pattern = [
            _Turn(layer, layer.model_dump_json(), f"/layers/{r}/pattern/{n}")
            for n, layer in enumerate(repeat.pattern)
        ]
        turns += pattern * repeat.times
    return turns


def _stack(before: Stack, after: Stack, at: tuple[str, str], name: str) -> Iterator[Change]:
    for field in Stack.model_fields:
        if field != "layers":
            for said in _field(before, after, field):
                yield _change(name or "Stack", said.under(*at))
    old, new = _unrolled(before), _unrolled(after)
    if [turn.key for turn in old] == [turn.key for turn in new]:
        if before.layers != after.layers:
            yield _rewritten(before, after, at, name)
        return
    found = sorted(_layers(old, new), key=lambda f: f.layer)
    for layers, said in _together(found):
        yield _change(_where(name, layers, said.place), _counted(said, len(layers)).under(*at))


def _where(stack: str, layers: Sequence[int], place: str) -> str:
    numbers = saying.layers(layers)
    return ", ".join(filter(None, (stack, numbers.lower() if stack else numbers, place)))


def _together(found: Iterable[_Found]) -> list[tuple[list[int], _Said]]:
    """The layers of which the same is said, in the order of the first."""
    groups: dict[_Said, tuple[list[int], _Said]] = {}
    for one in found:
        layers, _ = groups.setdefault(replace(one.said, at=("", "")), ([], one.said))
        if one.layer not in layers[-1:]:
            layers.append(one.layer)
    return list(groups.values())


def _counted(said: _Said, layers: int) -> _Said:
    """What is said of whole layers counts them."""
    if said.name != "layer":
        return said
    if said.kind == "moved":
        return replace(said, name="")
    text = f"{saying.plural(layers, 'layer')}: "
    return replace(
        said, name="", before=said.before and text + said.before, after=said.after and text + said.after
    )


def _layers(before: Sequence[_Turn], after: Sequence[_Turn]) -> Iterator[_Found]:
    """What is said of each layer, by its number after the change, or before it where it is gone."""
    values = {turn.key: leaves(turn.layer.model_dump(mode="json")) for turn in (*before, *after)}
    known: dict[tuple[str, str], list[_Said]] = {}
    likenesses: dict[tuple[str, str], float] = {}

    def likeness(i: int, j: int) -> float:
        key = before[i].key, after[j].key
        if key not in likenesses:
            likenesses[key] = share(values[key[0]], values[key[1]])
        return likenesses[key]

    pairs = align([turn.key for turn in before], [turn.key for turn in after], likeness)
    yield from _moved_layers([pair for pair in pairs if pair.moved], before, after)
    for pair in pairs:
        x = before[pair.before] if pair.before is not None else None
        y = after[pair.after] if pair.after is not None else None
        if pair.moved:
            continue
        if x is not None and y is not None:
            if (x.key, y.key) not in known:
                known[x.key, y.key] = list(_layer(x.layer, y.layer))
            for said in known[x.key, y.key]:
                yield _Found(1 + (pair.after or 0), said.under(x.pointer, y.pointer))
        elif x is not None:
            said = _Said("removed", "layer", saying.brief(x.layer), "", (x.pointer, ""))
            yield _Found(1 + (pair.before or 0), said)
        elif y is not None:
            said = _Said("added", "layer", "", saying.brief(y.layer), ("", y.pointer))
            yield _Found(1 + (pair.after or 0), said)


def _moved_layers(pairs: Sequence[Pair], before: Sequence[_Turn], after: Sequence[_Turn]) -> Iterator[_Found]:
    """Neighbours that went the same way are said at once."""
    ways: dict[int, list[tuple[int, int]]] = {}
    for pair in pairs:
        assert pair.before is not None
        assert pair.after is not None
        ways.setdefault(pair.after - pair.before, []).append((pair.before, pair.after))
    for way in ways.values():
        texts = [saying.layers([1 + pair[side] for pair in way]).lower() for side in (0, 1)]
        at = before[way[0][0]].pointer, after[way[0][1]].pointer
        for _, j in way:
            yield _Found(1 + j, _Said("moved", "layer", texts[0], texts[1], at))


def _rewritten(before: Stack, after: Stack, at: tuple[str, str], name: str) -> Change:
    """The same layers in other repeats."""
    texts = []
    for stack in (before, after):
        repeats = [
            f"×{r.times}" if len(r.pattern) == 1 else f"×{r.times} of {len(r.pattern)} layers"
            for r in stack.layers
        ]
        texts.append(", ".join(repeats) if len(repeats) <= 6 else f"{len(repeats)} repeats")
    where = _where(name, range(1, 1 + after.depth), "")
    return _change(where, _Said("set", "written as", texts[0], texts[1], ("/layers", "/layers")).under(*at))


# ---- parts of a layer
def _layer(before: Layer, after: Layer) -> Iterator[_Said]:
    for pair in _aligned(before.parts, after.parts, _part_likeness):
        at = f"/parts/{pair.before}", f"/parts/{pair.after}"
        if pair.before is None or pair.after is None or pair.moved:
            yield _entry(pair, before.parts, after.parts, "part", _part_text).under(*at)
            continue
        x, y = before.parts[pair.before], after.parts[pair.after]
        for said in _fields(x, y):
            # A part that became another one has no name to go by.
            yield said.under(*at, place=_place(after, pair.after) if said.name else "")


def _part_text(part: Part) -> str:
    return saying.brief(part.body)


def _part_likeness(before: Part, after: Part) -> float:
    return (_likeness(before, after) + (before.body.kind == after.body.kind)) / 2


def _place(layer: Layer, index: int) -> str:
    """`MoE layer`, or `Attention 2` where the layer has several."""
    kinds = [part.body.kind for part in layer.parts]
    name = saying.part_name(layer.parts[index].body)
    return f"{name} {1 + kinds[:index].count(kinds[index])}" if kinds.count(kinds[index]) > 1 else name


# ---- fields
def _fields(
    before: BaseModel, after: BaseModel, prefix: str = "", skip: Sequence[str] = ()
) -> Iterator[_Said]:
    """Differences of two specs of one class."""
    for name in type(after).model_fields:
        if name not in skip:
            yield from _field(before, after, name, prefix)


def _field(before: BaseModel, after: BaseModel, name: str, prefix: str = "") -> Iterator[_Said]:
    x, y = getattr(before, name), getattr(after, name)
    if _text(x) == _text(y):
        return
    info = type(after).model_fields[name]
    called = saying.called(type(after), name, prefix)
    at = f"/{name}", f"/{name}"
    inner = saying.inside(name, called)
    inside: Iterator[_Said]
    if isinstance(x, Layer) and isinstance(y, Layer):
        inside = (
            replace(said, name=f"inner {said.place} {said.name}".strip(), place="") for said in _layer(x, y)
        )
    elif isinstance(x, BaseModel) and type(x) is type(y):
        inside = _fields(x, y, inner)
    elif isinstance(x, tuple) and isinstance(y, tuple) and _all(Expert, x, y):
        inside = _experts(x, y, "shared expert" if name == "shared" else "expert")
    elif isinstance(x, tuple) and isinstance(y, tuple) and _all(BaseModel, x, y):
        inside = _list(x, y, called)
    else:
        yield _value(x, y, called, lambda content: saying.value(content, info)).under(*at)
        return
    for said in inside:
        yield said.under(*at)


def _value(before: Any, after: Any, name: str, text: Callable[[Any], str]) -> _Said:
    name = "" if name == "body" else name
    kinds = getattr(before, "kind", None), getattr(after, "kind", None)
    if before is None and isinstance(after, BaseModel):
        return _Said("added", name, "", name if kinds[1] is None else f"{name} {text(after)}")
    if after is None and isinstance(before, BaseModel):
        return _Said("removed", name, name if kinds[0] is None else f"{name} {text(before)}", "")
    return _Said("set", name, text(before), text(after))


def _list(before: Sequence[Any], after: Sequence[Any], called: str) -> Iterator[_Said]:
    """Balancers, modifiers, heads: entries of one kind are compared, others come and go."""
    for pair in _aligned(before, after, lambda x, y: float(_name(x) == _name(y))):
        at = f"/{pair.before}", f"/{pair.after}"
        if pair.before is not None and pair.after is not None and not pair.moved:
            x, y = before[pair.before], after[pair.after]
            if type(x) is type(y):
                yield from (said.under(*at) for said in _fields(x, y, _name(y)))
                continue
            yield _entry(Pair(pair.before, None), before, after, called, _name).under(*at)
            yield _entry(Pair(None, pair.after), before, after, called, _name).under(*at)
        else:
            yield _entry(pair, before, after, called, _name).under(*at)


def _name(spec: Any) -> str:
    return f"{saying.brief(spec)} {spec.name}" if hasattr(spec, "name") else saying.brief(spec)


def _entry(
    pair: Pair, before: Sequence[Any], after: Sequence[Any], name: str, text: Callable[[Any], str]
) -> _Said:
    """An entry of a list that came, went or moved."""
    if pair.before is None:
        return _Said("added", name, "", text(after[pair.after or 0]))
    if pair.after is None:
        return _Said("removed", name, text(before[pair.before]), "")
    places = f"place {pair.before + 1}", f"place {pair.after + 1}"
    return _Said("moved", text(after[pair.after]), *places)


def _experts(before: Sequence[Expert], after: Sequence[Expert], noun: str) -> Iterator[_Said]:
    """Groups of experts by number, widths and kinds: how they are cut into groups matters least."""
    x, y = (sum(group.count for group in groups) for groups in (before, after))
    if not before or not after:
        some, n = before or after, x or y
        sizes = f" of width {saying.widths(some)}" if any(group.inner for group in some) else ""
        text = f"{saying.plural(n, noun)}{sizes}"
        yield _Said("added", noun, "", text) if after else _Said("removed", noun, text, "")
        return
    said = []
    if x != y:
        said.append(_Said("set", f"{noun}s", saying.number(x), saying.number(y)))
    widths = saying.widths(before), saying.widths(after)
    # Among unequal experts a number alone does not say which were added.
    if widths[0] != widths[1]:
        said.append(_Said("set", f"{noun} width", *widths))
    pairs = _aligned(before, after)
    for pair in pairs:
        if pair.before is not None and pair.after is not None and not pair.moved:
            a, b = before[pair.before], after[pair.after]
            at = f"/{pair.before}", f"/{pair.after}"
            if type(a) is type(b):
                said += [s.under(*at) for s in _fields(a, b, noun, skip=("kind", "count", "hidden"))]
            else:
                said.append(_Said("set", f"{noun} kind", saying.word(a.kind), saying.word(b.kind), at))
    if not said:
        said.append(_Said("set", f"{noun} groups", saying.groups(before), saying.groups(after)))
    yield from dict.fromkeys(said)


# ---- comparing
def _aligned(
    before: Sequence[Any], after: Sequence[Any], likeness: Callable[[Any, Any], float] | None = None
) -> list[Pair]:
    like = likeness or _likeness
    texts = [_text(x) for x in before], [_text(y) for y in after]
    return align(*texts, lambda i, j: like(before[i], after[j]))


def _likeness(before: BaseModel, after: BaseModel) -> float:
    return share(leaves(before.model_dump(mode="json")), leaves(after.model_dump(mode="json")))


def _all(kind: type, *lists: Sequence[Any]) -> bool:
    return all(isinstance(item, kind) for items in lists for item in items)


def _text(content: Any) -> str:
    """Equal text, equal content: `==` would take 1 for True and -0.0 for 0.0."""
    if isinstance(content, BaseModel):
        return content.model_dump_json()
    if isinstance(content, tuple):
        return f"[{','.join(map(_text, content))}]"
    return repr(content)
