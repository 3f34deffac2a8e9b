"""What differs between two specs, field by field, and between the parts of two layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from core.design import saying
from core.design.diff.align import Pair, align, leaves, share
from core.design.diff.change import Said
from core.design.experts.base import Expert
from core.design.structure import Layer, Part


def in_layer(before: Layer, after: Layer) -> Iterator[Said]:
    """Differences of two layers, part by part."""
    for pair in aligned(before.parts, after.parts, _part_likeness):
        at = f"/parts/{pair.before}", f"/parts/{pair.after}"
        if pair.before is None or pair.after is None or pair.moved:
            yield entry(pair, before.parts, after.parts, "part", _part_text).under(*at)
            continue
        x, y = before.parts[pair.before], after.parts[pair.after]
        for said in in_spec(x, y):
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
def in_spec(
    before: BaseModel, after: BaseModel, prefix: str = "", skip: Sequence[str] = ()
) -> Iterator[Said]:
    """Differences of two specs of one class. prefix: said before the name of each field."""
    for name in type(after).model_fields:
        if name not in skip:
            yield from in_field(before, after, name, prefix)


def in_field(before: BaseModel, after: BaseModel, name: str, prefix: str = "") -> Iterator[Said]:
    """Differences within one field of two specs of one class."""
    x, y = getattr(before, name), getattr(after, name)
    if _text(x) == _text(y):
        return
    info = type(after).model_fields[name]
    called = saying.called(type(after), name, prefix)
    at = f"/{name}", f"/{name}"
    inner = saying.inside(name, called)
    inside: Iterator[Said]
    if isinstance(x, Layer) and isinstance(y, Layer):
        inside = (
            replace(said, name=f"inner {said.place} {said.name}".strip(), place="") for said in in_layer(x, y)
        )
    elif isinstance(x, BaseModel) and type(x) is type(y):
        inside = in_spec(x, y, inner)
    elif isinstance(x, tuple) and isinstance(y, tuple) and _all(Expert, x, y):
        inside = _experts(x, y, "shared expert" if name == "shared" else "expert")
    elif isinstance(x, tuple) and isinstance(y, tuple) and _all(BaseModel, x, y):
        inside = _list(x, y, called)
    else:
        yield _value(x, y, called, lambda content: saying.value(content, info)).under(*at)
        return
    for said in inside:
        yield said.under(*at)


def _value(before: Any, after: Any, name: str, text: Callable[[Any], str]) -> Said:
    name = "" if name == "body" else name
    if before is None and isinstance(after, BaseModel):
        return Said("added", name, "", _named(name, after, text))
    if after is None and isinstance(before, BaseModel):
        return Said("removed", name, _named(name, before, text), "")
    return Said("set", name, text(before), text(after))


def _named(name: str, spec: BaseModel, text: Callable[[Any], str]) -> str:
    # What has no kind is called by its field alone.
    return f"{name} {text(spec) if hasattr(spec, 'kind') else saying.unusual(spec)}".strip()


def _list(before: Sequence[Any], after: Sequence[Any], called: str) -> Iterator[Said]:
    """Balancers, modifiers, heads: entries of one kind are compared, others come and go."""
    for pair in aligned(before, after, lambda x, y: float(_name(x) == _name(y))):
        at = f"/{pair.before}", f"/{pair.after}"
        if pair.before is not None and pair.after is not None and not pair.moved:
            x, y = before[pair.before], after[pair.after]
            if type(x) is type(y):
                yield from (said.under(*at) for said in in_spec(x, y, _name(y)))
                continue
            yield entry(Pair(pair.before, None), before, after, called, _entry_text).under(*at)
            yield entry(Pair(None, pair.after), before, after, called, _entry_text).under(*at)
        else:
            yield entry(pair, before, after, called, _entry_text).under(*at)


def _name(spec: Any) -> str:
    return f"{saying.brief(spec)} {spec.name}" if hasattr(spec, "name") else saying.brief(spec)


def _entry_text(spec: Any) -> str:
    return _name(spec) if hasattr(spec, "name") else saying.whole(spec)


def entry(
    pair: Pair, before: Sequence[Any], after: Sequence[Any], name: str, text: Callable[[Any], str]
) -> Said:
    """An entry of a list that came, went or moved."""
    if pair.before is None:
        return Said("added", name, "", text(after[pair.after or 0]))
    if pair.after is None:
        return Said("removed", name, text(before[pair.before]), "")
    places = f"place {pair.before + 1}", f"place {pair.after + 1}"
    return Said("moved", text(after[pair.after]), *places)


def _experts(before: Sequence[Expert], after: Sequence[Expert], noun: str) -> Iterator[Said]:
    """Groups of experts by number, widths and kinds: how they are cut into groups matters least."""
    x, y = (sum(group.count for group in groups) for groups in (before, after))
    if not before or not after:
        some, n = before or after, x or y
        sizes = f" of width {saying.widths(some)}" if any(group.inner for group in some) else ""
        text = f"{saying.plural(n, noun)}{sizes}"
        yield Said("added", noun, "", text) if after else Said("removed", noun, text, "")
        return
    said = []
    if x != y:
        said.append(Said("set", f"{noun}s", saying.number(x), saying.number(y)))
    widths = saying.widths(before), saying.widths(after)
    # Among unequal experts a number alone does not say which were added.
    if widths[0] != widths[1]:
        said.append(Said("set", f"{noun} width", *widths))
    pairs = aligned(before, after)
    for pair in pairs:
        if pair.before is not None and pair.after is not None and not pair.moved:
            a, b = before[pair.before], after[pair.after]
            at = f"/{pair.before}", f"/{pair.after}"
            if type(a) is type(b):
                said += [s.under(*at) for s in in_spec(a, b, noun, skip=("kind", "count", "hidden"))]
            else:
                said.append(Said("set", f"{noun} kind", saying.word(a.kind), saying.word(b.kind), at))
    if not said:
        said.append(Said("set", f"{noun} groups", saying.groups(before), saying.groups(after)))
    yield from dict.fromkeys(said)


# ---- comparing
def aligned(
    before: Sequence[Any], after: Sequence[Any], likeness: Callable[[Any, Any], float] | None = None
) -> list[Pair]:
    """Which specs of two lists belong together."""
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
    if isinstance(content, dict):
        # The order of its keys means nothing.
        return repr(sorted((key, _text(inner)) for key, inner in content.items()))
    return repr(content)
