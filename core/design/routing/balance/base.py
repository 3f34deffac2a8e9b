"""Base of the balancers. They see the selection before capacity; losses are means over MoE layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from core.design.base import Choice, Spec, Weight
from core.design.problems import Problem, Site


class Balancer(Spec):
    """A loss on router scores, or an update after the optimizer step."""

    kind: str

    #: Needs scores that sum to one over experts.
    needs_distribution: ClassVar[bool] = False
    #: Only the router can lower it, so it needs a router that learns.
    trains_router: ClassVar[bool] = True
    #: Pulls experts to equal use, and does nothing where that is exact.
    evens: ClassVar[bool] = False
    #: Adds to the scores that experts are picked by, never to those that weigh them.
    steers: ClassVar[bool] = False
    #: Reads raw logits, which norms of experts are not.
    of_logits: ClassVar[bool] = False

    def weights(self, experts: int) -> Iterator[Weight]:
        """Parameters that the balancer adds to a layer of `experts`; none by default."""
        yield from ()

    def rules(self, site: Site) -> Iterator[Problem]:
        moe = site.moe
        if moe is None:
            return
        if self.needs_distribution and moe.router.score_function != "softmax":
            router = site.goto(site.path.rsplit("/balance/", 1)[0] + "/router")
            yield site.error(
                "needs-distribution",
                f"{self.kind} needs scores that are a probability distribution, and"
                f" {moe.router.score_function} scores are not.",
                f"To fix this, switch to softmax or remove {self.kind}.",
                edits=(
                    site.remove(label=f"Remove {self.kind}"),
                    router.set("score_function", "softmax", label="Use softmax"),
                ),
            )
        if self.trains_router and not moe.router.learns:
            yield site.error(
                "nothing-to-train",
                f"{self.kind} trains only the router, and a {moe.router.score.kind} score has nothing to"
                " train.",
                f"To fix this, remove {self.kind}.",
                edits=(site.remove(label=f"Remove {self.kind}"),),
            )


BALANCE = Choice("balance", "balancer")
