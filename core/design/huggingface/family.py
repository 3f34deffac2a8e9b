"""What a family is: how to recognise it, and how its config becomes a design."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

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
    #: In a composite, whose `tie_word_embeddings` counts: the text model's, else that around it; one of them
    #: alone; or either. `outer_tied` is what the class around the text model defaults to.
    ties: Literal["nearest", "inner", "outer", "either"] = "nearest"
    outer_tied: bool = False

    def tied(self, inner: Any, outer: Any) -> Any:
        """The value that counts, from both as the file has them; None where the text model's default does."""
        if self.ties == "inner":
            return inner
        if self.ties == "outer":
            return self.outer_tied if outer is None else outer
        if self.ties == "either" and True in (inner, outer):
            return True
        return outer if inner is None else inner
