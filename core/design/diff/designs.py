"""What differs between two designs."""

from __future__ import annotations

from collections.abc import Iterator

from core.design import saying
from core.design.diff.change import Change
from core.design.diff.fields import aligned, entry, in_field
from core.design.diff.layers import in_stack
from core.design.spec import Design, Stack


def diff(before: Design, after: Design) -> tuple[Change, ...]:
    """What turns one design into the other; empty exactly if both have the same sha. Names do not count."""
    if before.sha == after.sha:
        return ()
    return tuple(_whole(before, after))


def _whole(before: Design, after: Design) -> Iterator[Change]:
    outside: tuple[tuple[str, str], ...] = (
        ("Whole design", "width"),
        ("Task", "task"),
        ("Embedding", "embedding"),
        ("Norm", "norm"),
    )
    for where, name in outside:
        for said in in_field(before, after, name):
            yield said.of(where)
    several = max(len(before.stacks), len(after.stacks)) > 1
    for pair in aligned(before.stacks, after.stacks):
        old = before.stacks[pair.before] if pair.before is not None else None
        new = after.stacks[pair.after] if pair.after is not None else None
        at = (f"/stacks/{pair.before}", f"/stacks/{pair.after}")
        names = [stack.name.replace("_", " ").capitalize() for stack in (new, old) if stack is not None]
        where = names[0] if several else ""
        if old is None or new is None or pair.moved:
            came_or_went = entry(pair, before.stacks, after.stacks, "stack", _stack_text)
            yield came_or_went.under(*at).of(where)
        else:
            yield from in_stack(old, new, at, where)


def _stack_text(stack: Stack) -> str:
    return f"a stack of {saying.plural(stack.depth, 'layer')}"
