"""What the parts of a router are built for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RoutedShape:
    """The layer around a router: D, E, into how many islands E is cut, H of every expert, names of tasks,
    and how many token ids there are (0 where inputs are numbers)."""

    width: int
    experts: int
    islands: int = 1
    hidden_E: tuple[int, ...] = ()
    tasks: tuple[str, ...] = ()
    ids: int = 0
