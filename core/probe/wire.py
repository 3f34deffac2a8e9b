"""Answers as bytes and back: a JSON header, NumPy arrays beside it. No pickle, no torch."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_ARRAY, _KIND, _HEADER = "$array", "$kind", "header"

Array = npt.NDArray[Any]


def pack(answer: Any) -> bytes:
    """A dataclass, dict or tuple of such, of arrays and of JSON values as one `.npz`."""
    arrays: list[Array] = []
    header = json.dumps(_flat(answer, arrays)).encode()
    buffer = io.BytesIO()
    named = {str(i): array for i, array in enumerate(arrays)}
    np.savez(buffer, allow_pickle=False, **{_HEADER: np.frombuffer(header, np.uint8)}, **named)
    return buffer.getvalue()


def unpack(content: bytes, kinds: Iterable[type]) -> Any:
    """What `pack` was given, with lists as tuples. `kinds`: the dataclasses that may occur.

    Raises ValueError, KeyError, TypeError or zipfile.BadZipFile for other bytes.
    """
    known = {kind.__name__: kind for kind in kinds}
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        header = json.loads(archive[_HEADER].tobytes())
        return _whole(header, archive, known)


def _flat(value: Any, arrays: list[Array]) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        own = {entry.name: _flat(getattr(value, entry.name), arrays) for entry in fields(value)}
        return {_KIND: type(value).__name__, **own}
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {_ARRAY: len(arrays) - 1}
    if isinstance(value, dict):
        return {str(key): _flat(part, arrays) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_flat(part, arrays) for part in value]
    return value.item() if isinstance(value, np.generic) else value


def _whole(value: Any, archive: Any, known: dict[str, type]) -> Any:
    if isinstance(value, list):
        return tuple(_whole(part, archive, known) for part in value)
    if not isinstance(value, dict):
        return value
    if _ARRAY in value:
        return archive[str(value[_ARRAY])]
    parts = {key: _whole(part, archive, known) for key, part in value.items() if key != _KIND}
    return known[value[_KIND]](**parts) if _KIND in value else parts
