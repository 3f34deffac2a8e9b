"""Base of the selectors."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from core.design.base import Choice, Spec
from core.design.edit import Edit
from core.design.problems import Site


class Select(Spec):
    """Turns scores `[T, E]` into a mask of selected experts, before capacity."""

    kind: str

    #: Each token chooses by itself: capacity, load balance and bias balancing make sense.
    token_choice: ClassVar[bool] = True
    #: The number of experts a token gets depends on its scores.
    ragged: ClassVar[bool] = False
    #: The decision looks at other tokens, also later ones.
    looks_ahead: ClassVar[bool] = False
    #: A selection bias steers which experts a token picks.
    steered: ClassVar[bool] = False
    #: Needs scores that sum to one.
    needs_distribution: ClassVar[bool] = False
    #: Leaves some experts out.
    picks: ClassVar[bool] = True
    #: Compares scores, so that of equal ones the first experts are always picked.
    ranks: ClassVar[bool] = True
    #: Takes exactly the experts that a table names.
    looks_up: ClassVar[bool] = False

    @abstractmethod
    def fewest(self, experts: int) -> int:
        """Fewest experts a token may get."""

    @abstractmethod
    def most(self, experts: int) -> int:
        """Most experts a token may get."""

    def expected(self, experts: int) -> float:
        """Experts a token gets on average once trained, before a run says better."""
        return float(self.most(experts))

    def while_training(self, experts: int) -> float:
        """Experts a token gets on average over the whole training."""
        return self.expected(experts)

    def exact(self, training: bool) -> bool:
        """Whether every expert takes its share of whatever comes."""
        return False

    def reach(self, islands: int) -> int:
        """Islands that the experts of one token may lie in."""
        return islands

    def at_least_two(self, site: Site) -> Iterator[Edit]:
        """The edit that gives every token two experts at least, where a number says how many."""
        yield from ()

    def span(self, training: bool) -> str | None:
        """For how much one decision holds, where the selection and not the router's scope says so."""
        return None

    def instead(self, site: Site) -> Edit:
        experts = site.moe.count if site.moe else 2
        return site.set("", {"kind": "top_k", "k": min(2, experts)}, label="Use top-k")


SELECT = Choice("select", "selection")
