"""What a family is: how to recognise it, and how its config becomes a design."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.design.huggingface.config import Config

JSON = dict[str, Any]


@dataclass(frozen=True)
class Family:
    """One family of published models.

    `types` are values of `model_type`, `classes` of `architectures`; `signs` are keys that together give it
    away where both are missing. `ignores` are keys of its own that change nothing in the drawing.
    """

    name: str
    types: tuple[str, ...]
    classes: tuple[str, ...]
    write: Callable[[Config], JSON]
    signs: tuple[str, ...] = ()
    ignores: frozenset[str] = frozenset()
