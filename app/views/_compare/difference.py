"""What differs between two documents, as rows of a table. No Streamlit."""

from collections.abc import Iterator, Sequence
from posixpath import commonpath, dirname
from typing import Any

#: Of a design or plan, what is no setting.
NAMES = frozenset({"/name", "/schema_version"})


def differences(before: Any, after: Any) -> list[tuple[str, str, str]]:
    """(JSON pointer, value in one, value in the other) of every leaf that differs, in the order of the first.

    A value that only one of them has is shown as a dash in the other.
    """
    one, other = dict(_leaves(before)), dict(_leaves(after))
    order = [*one, *(path for path in other if path not in one)]
    return [
        (path, _text(one.get(path, _NONE)), _text(other.get(path, _NONE)))
        for path in order
        if path not in NAMES and one.get(path, _NONE) != other.get(path, _NONE)
    ]


def shared_place(paths: Sequence[str]) -> str:
    """The place that all these pointers are below, such as /stacks/0; empty where they part at once."""
    return commonpath([dirname(path) for path in paths]).rstrip("/") if paths else ""


_NONE = object()


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from _leaves(child, f"{path}/{key}")
    elif isinstance(value, list) and value:
        for index, child in enumerate(value):
            yield from _leaves(child, f"{path}/{index}")
    else:
        yield path, value


def _text(value: Any) -> str:
    if value is _NONE:
        return "–"
    if value is None or value in ([], {}):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
