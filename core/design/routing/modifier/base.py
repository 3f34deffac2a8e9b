"""Base of the modifiers. Order in a router: mask, noise, temperature, score function, selection bias."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from core.design.base import Choice, Spec, Weight
from core.design.problems import Problem, Site


class Modifier(Spec):
    """Changes the router's input or its logits."""

    kind: str

    #: Serves a router that learns, by varying or scaling what it says.
    explores: ClassVar[bool] = True
    #: Closes experts for a while, so that no token can have them.
    closes: ClassVar[bool] = False
    #: Adds Gaussian noise to the logits.
    noisy: ClassVar[bool] = False
    #: Changes what the router reads, before there are logits.
    on_input: ClassVar[bool] = False

    def left(self, experts: int, islands: int) -> tuple[int, int]:
        """Islands that are left open, and experts that are left open in each of them."""
        return islands, experts // islands

    def weights(self) -> Iterator[Weight]:
        """Parameters it adds to the router; none by default."""
        yield from ()

    def rules(self, site: Site) -> Iterator[Problem]:
        if site.moe is None:
            return
        router = site.moe.router
        remove = site.remove(label=f"Remove {self.kind}")
        if not router.score.bends:
            yield site.error(
                "score-fixed",
                f"A {router.score.kind} score is what it is, so {self.kind} has nothing to act on.",
                f"To fix this, remove {self.kind}.",
                edits=(remove,),
            )
        elif self.explores and not router.learns:
            yield site.error(
                "nothing-to-train",
                f"{self.kind} helps a router to learn, and nothing in this one does.",
                f"To fix this, remove {self.kind}.",
                edits=(remove,),
            )


MODIFIER = Choice("modifier")
