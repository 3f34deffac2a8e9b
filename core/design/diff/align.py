"""Which entries of two lists are the same, changed, new, gone or moved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

#: Above this many pairs of entries, what is left between equal ends is matched by its place.
_MOST_PAIRS = 250_000
_MOST_LIKENESSES = 10_000


@dataclass(frozen=True)
class Pair:
    """An entry before and after by index; None where there is none. `moved`: the same, in another order."""

    before: int | None
    after: int | None
    moved: bool = False


def align(before: Sequence[str], after: Sequence[str], likeness: Callable[[int, int], float]) -> list[Pair]:
    """What became of each entry that is not the same at the same place; entries with equal text are equal.

    `likeness` of two indexes, 0 to 1, decides which of the changed ones belong together.
    """
    left: list[int] = []
    new: list[int] = []
    blocks = list(_blocks(before, after))
    for i, j in blocks:
        left += i
        new += j
    moves = _moves([(n, before[n]) for n in left], [(n, after[n]) for n in new])
    gone, come = {i for i, _ in moves}, {j for _, j in moves}
    pairs = [Pair(i, j, moved=True) for i, j in moves]
    for i, j in blocks:
        rest = [n for n in i if n not in gone], [n for n in j if n not in come]
        pairs += _paired(*rest, likeness)
    return sorted(pairs, key=lambda pair: pair.after if pair.after is not None else pair.before or 0)


def _blocks(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[range, range]]:
    """Stretches that differ. Equal ends are cut off first: most edits leave nothing else to compare."""
    shorter = min(len(before), len(after))
    head = next((n for n in range(shorter) if before[n] != after[n]), shorter)
    tail = next((n for n in range(shorter - head) if before[-1 - n] != after[-1 - n]), shorter - head)
    i, j = range(head, len(before) - tail), range(head, len(after) - tail)
    if len(i) * len(j) > _MOST_PAIRS:
        yield i, j
        return
    matcher = SequenceMatcher(None, before[i.start : i.stop], after[j.start : j.stop], autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            yield range(head + i1, head + i2), range(head + j1, head + j2)


def _moves(before: list[tuple[int, str]], after: list[tuple[int, str]]) -> list[tuple[int, int]]:
    """Equal entries that stand at both sides, first with first."""
    places = defaultdict(list)
    for index, text in reversed(before):
        places[text].append(index)
    return [(places[text].pop(), index) for index, text in after if places[text]]


def _paired(before: list[int], after: list[int], likeness: Callable[[int, int], float]) -> list[Pair]:
    """As many pairs as there can be without crossing, the likest ones; the rest is gone or new."""
    if len(before) * len(after) > _MOST_LIKENESSES:
        shorter = min(len(before), len(after))
        together = [Pair(before[n], after[n]) for n in range(shorter)]
        gone = [Pair(n, None) for n in before[shorter:]]
        return together + gone + [Pair(None, n) for n in after[shorter:]]
    # Each pair counts 1 and its likeness at most half of that, so more pairs always win.
    rows, columns = len(before), len(after)
    worth = [[1 + likeness(i, j) / (2 * max(rows, columns)) for j in after] for i in before]
    best = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    for r in range(rows - 1, -1, -1):
        for c in range(columns - 1, -1, -1):
            best[r][c] = max(best[r + 1][c], best[r][c + 1], worth[r][c] + best[r + 1][c + 1])
    pairs, r, c = [], 0, 0
    while r < rows or c < columns:
        if r < rows and c < columns and best[r][c] == worth[r][c] + best[r + 1][c + 1]:
            pairs.append(Pair(before[r], after[c]))
            r, c = r + 1, c + 1
        elif r < rows and best[r][c] == best[r + 1][c]:
            pairs.append(Pair(before[r], None))
            r += 1
        else:
            pairs.append(Pair(None, after[c]))
            c += 1
    return pairs


def leaves(content: Any, path: str = "") -> frozenset[tuple[str, str]]:
    """Every value of a document with its path."""
    if isinstance(content, dict | list):
        items = content.items() if isinstance(content, dict) else enumerate(content)
        return frozenset().union(*(leaves(item, f"{path}/{key}") for key, item in items))
    return frozenset(((path, repr(content)),))


def share(x: frozenset[Any], y: frozenset[Any]) -> float:
    """How much of two sets is common, 0 to 1."""
    return 2 * len(x & y) / (len(x) + len(y)) if x or y else 1.0
