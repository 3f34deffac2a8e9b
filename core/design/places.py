"""The same mistake in many places is one problem, and one edit mends it in all of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from core.design.edit import MOST_EDITS, Batch, Edit
from core.design.problems import Problem


def general(path: str) -> str:
    """A pointer without its list positions, which an edit may shift."""
    return re.sub(r"/\d+", "/#", path)


def also_in(problem: Problem, start: str, others: Sequence[str]) -> Problem:
    """The problem of something below `start` that stands below `others` as well; its edits mend the first."""
    if not others or not problem.path.startswith(start):
        return problem
    below = problem.path.removeprefix(start)
    return problem.model_copy(update={"also": tuple(other + below for other in others)})


def merged(problems: Iterable[Problem]) -> Iterator[Problem]:
    """Problems that say the same as one, in the order they were found in; its edits mend every place."""
    groups: dict[tuple[object, ...], list[Problem]] = {}
    for problem in problems:
        labels = tuple(edit.label for edit in problem.edits)
        said = (problem.severity, problem.stage, problem.message, problem.fix)
        groups.setdefault((problem.code, general(problem.path), *said, labels), []).append(problem)
    for alike in groups.values():
        yield _one(alike) if len(alike) > 1 or alike[0].also else alike[0]


def _one(alike: Sequence[Problem]) -> Problem:
    first = alike[0]
    places = sorted({place: problem for problem in alike for place in problem.places}.items(), key=_position)
    also = tuple(place for place, _ in places if place != first.path)
    # From the last place to the first: what is taken out of a list shifts what stands behind it.
    edits = tuple(
        everywhere([_moved(problem.edits[i], problem.path, place) for place, problem in reversed(places)])
        for i in range(len(first.edits))
    )
    more = f" The same in {len(also)} other place{'s' if len(also) > 1 else ''}." if also else ""
    return first.model_copy(update={"message": first.message + more, "also": also, "edits": edits})


def _position(place: tuple[str, Problem]) -> tuple[int, ...]:
    return tuple(int(key) for key in place[0].split("/") if key.isdecimal())


def _moved(edit: Edit, path: str, place: str) -> Edit:
    """The edit made for `path` as it is for `place`, which stands in another layer or is the same."""
    if path == place:
        return edit
    if isinstance(edit, Batch):
        return edit.model_copy(update={"edits": tuple(_moved(e, path, place) for e in edit.edits)})
    start, to = ("/".join(pointer.split("/")[:5]) for pointer in (path, place))
    at = getattr(edit, "path", "")
    if at != start and not at.startswith(f"{start}/"):
        return edit
    return edit.model_copy(update={"path": to + at.removeprefix(start)})


def everywhere(edits: Sequence[Edit]) -> Edit:
    """One edit that makes all of `edits`, which bear the same label; equal ones are made once."""
    label = edits[0].label
    left = list({edit.model_dump_json(): edit for edit in edits}.values())
    if len(left) > 1:
        label = f"{label[:160]} in {len(left)} places" if label else ""
    while len(left) > 1:
        chunks = [left[i : i + MOST_EDITS] for i in range(0, len(left), MOST_EDITS)]
        left = [Batch(edits=tuple(chunk), label=label) for chunk in chunks]
    return left[0]
