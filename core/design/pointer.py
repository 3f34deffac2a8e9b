"""JSON pointers (RFC 6901) into plain JSON documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class PointerError(ValueError):
    """The pointer leads nowhere in this document."""


def escape(key: str | int) -> str:
    """One step of a pointer."""
    return str(key).replace("~", "~0").replace("/", "~1")


def steps(pointer: str) -> list[str]:
    """The keys of a pointer; the empty pointer is the whole document."""
    if not pointer:
        return []
    if not pointer.startswith("/"):
        raise PointerError(f"{pointer!r} is no JSON pointer: it must start with a slash")
    return [key.replace("~1", "/").replace("~0", "~") for key in pointer[1:].split("/")]


def child(node: Any, key: str, pointer: str) -> Any:
    """The value under one key of an object, or one index of a list."""
    if isinstance(node, dict) and key in node:
        return node[key]
    if isinstance(node, list) and key.isdecimal() and int(key) < len(node):
        return node[int(key)]
    raise PointerError(f"nothing stands at {pointer!r}")


def get(document: Any, pointer: str) -> Any:
    """The value a pointer leads to."""
    node = document
    for key in steps(pointer):
        node = child(node, key, pointer)
    return node


def parent(document: Any, pointer: str) -> tuple[Any, str]:
    """The container a pointer ends in, and the last key."""
    keys = steps(pointer)
    if not keys:
        raise PointerError("the whole document has no parent")
    node = document
    for key in keys[:-1]:
        node = child(node, key, pointer)
    return node, keys[-1]


def from_location(location: Sequence[str | int]) -> str:
    """A pydantic error location as a pointer. Open unions add no tag to it, so the two correspond."""
    return "".join(f"/{escape(key)}" for key in location)
