"""What differs between two stacks.

Layers are compared one by one, whatever repeats they are written in, and said together where they changed
alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from core.design import saying
from core.design.diff.align import Pair, align, leaves, share
from core.design.diff.change import Change, Said
from core.design.diff.fields import in_field, in_layer
from core.design.spec import Stack
from core.design.structure import Layer


@dataclass(frozen=True)
class _Found:
    """What was said of one layer (number from 1), or of no layer: 0."""

    layer: int
    said: Said


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


def in_stack(before: Stack, after: Stack, at: tuple[str, str], name: str) -> Iterator[Change]:
    """Differences of two stacks; `at` are their pointers, `name` is said where a design has several."""
    for field in Stack.model_fields:
        if field != "layers":
            for said in in_field(before, after, field):
                yield said.under(*at).of(name or "Stack")
    old, new = _unrolled(before), _unrolled(after)
    if [turn.key for turn in old] == [turn.key for turn in new]:
        if before.layers != after.layers:
            yield _rewritten(before, after, at, name)
        return
    found = sorted(_layers(old, new), key=lambda f: f.layer)
    for layers, said in _together(found):
        yield _counted(said, len(layers)).under(*at).of(_where(name, layers, said.place))


def _where(stack: str, layers: Sequence[int], place: str) -> str:
    numbers = saying.layers(layers)
    return ", ".join(filter(None, (stack, numbers.lower() if stack else numbers, place)))


def _together(found: Iterable[_Found]) -> list[tuple[list[int], Said]]:
    """The layers of which the same is said, in the order of the first."""
    groups: dict[Said, tuple[list[int], Said]] = {}
    for one in found:
        layers, _ = groups.setdefault(replace(one.said, at=("", "")), ([], one.said))
        if one.layer not in layers[-1:]:
            layers.append(one.layer)
    return list(groups.values())


def _counted(said: Said, layers: int) -> Said:
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
    known: dict[tuple[str, str], list[Said]] = {}
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
                known[x.key, y.key] = list(in_layer(x.layer, y.layer))
            for said in known[x.key, y.key]:
                yield _Found(1 + (pair.after or 0), said.under(x.pointer, y.pointer))
        elif x is not None:
            said = Said("removed", "layer", saying.brief(x.layer), "", (x.pointer, ""))
            yield _Found(1 + (pair.before or 0), said)
        elif y is not None:
            said = Said("added", "layer", "", saying.brief(y.layer), ("", y.pointer))
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
            yield _Found(1 + j, Said("moved", "layer", texts[0], texts[1], at))


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
    return Said("set", "written as", texts[0], texts[1], ("/layers", "/layers")).under(*at).of(where)
