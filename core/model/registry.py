"""Which torch class computes which value of the vocabulary: one registry per axis, by type of spec."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

from core.design.base import Choice, Spec

M = TypeVar("M")
C = TypeVar("C", bound=Callable[..., Any])


class Registry(Generic[M]):
    """Builders of one axis by spec type. A builder is a class or function that takes the spec first.

    `choice` is the open union of the vocabulary that this registry realises.
    """

    #: Every registry by the name of its union.
    known: ClassVar[dict[str, Registry[Any]]] = {}

    def __init__(self, choice: Choice) -> None:
        self.name = choice.name
        self.builders: dict[type[Spec], Callable[..., M]] = {}
        Registry.known[choice.name] = self

    def register(self, spec: type[Spec]) -> Callable[[C], C]:
        """A decorator: the class or function below builds values of type `spec`."""

        def add(builder: C) -> C:
            if spec in self.builders:
                raise ValueError(f"{spec.__name__} has a torch class already: {self.builders[spec]}")
            self.builders[spec] = builder
            return builder

        return add

    def unregister(self, spec: type[Spec]) -> None:
        """Remove a value again; for tests that add one."""
        del self.builders[spec]

    def build(self, spec: Spec, *args: Any, **kwargs: Any) -> M:
        """What computes `spec`. Raises NotBuiltError for a value that can be drawn and costed only."""
        builder = self.builders.get(type(spec))
        if builder is None:
            kind = getattr(spec, "kind", type(spec).__name__)
            raise NotBuiltError(self.name, kind, [s.__name__ for s in self.builders])
        return builder(spec, *args, **kwargs)


class NotBuiltError(ValueError):
    """A value of the vocabulary that the studio cannot train yet."""

    def __init__(self, axis: str, kind: str, known: list[str]) -> None:
        super().__init__(
            f"The {axis} {kind!r} can be drawn and costed, but there is nothing yet that computes it."
            f" To fix this, use one of {', '.join(known)}; check names the edits at stage train."
        )
