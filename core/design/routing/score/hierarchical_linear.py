"""Two linear routers, one over islands and one inside each (hierarchical SAM, arXiv 2110.07431).

The form follows a recollection of the paper's second variant, with low confidence: its text was not at hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight
from core.design.problems import Problem, Site
from core.design.routing.score.base import SCORE, Score


@SCORE.register
class HierarchicalLinearScore(Score):
    """`log P_g + log P_(e|g)`: a softmax over the layer's islands, times one over the experts inside.

    Softmax of it gives exactly P_g P_(e|g). Cost: 2 D E + 2 D N_g FLOPs a token for N_g islands.
    """

    kind: Literal["hierarchical_linear"]

    def weights(self, width: int, experts: int, islands: int) -> Iterator[Weight]:
        yield from super().weights(width, experts, islands)
        yield Weight(name="router.island_weight", shape=(islands, width), role="router")

    def rules(self, site: Site) -> Iterator[Problem]:
        moe = site.moe
        if moe is None:
            return
        linear = self.instead(site)
        if moe.router.score_function != "softmax":
            yield site.error(
                "hierarchy-not-softmax",
                "The product of an island's and an expert's probability is what softmax makes of this score,"
                f" and this router uses {moe.router.score_function}.",
                "To fix this, switch to softmax, or use a linear score.",
                edits=(site.up().set("score_function", "softmax", label="Use softmax"), linear),
            )
        if moe.islands in (1, moe.count):
            says, idle = (
                ("All experts are one island", "router over islands")
                if moe.islands == 1
                else ("Every island is one expert", "router inside islands")
            )
            yield site.warning(
                "hierarchy-flat",
                f"{says}, so the {idle} has nothing to choose and never learns.",
                "To fix this, cut the experts into islands of several, or use a linear score.",
                edits=(linear,),
            )
        if moe.router.condition is None:
            for i, balancer in enumerate(moe.balance):
                if balancer.of_logits:
                    here = site.goto(site.path.removesuffix("/router/score")).at("balance", i)
                    yield here.warning(
                        "logits-sum-to-one",
                        "These logits are logarithms of probabilities that sum to one, so a z-loss on them is"
                        " always 0.",
                        "To fix this, remove the z-loss.",
                        edits=(here.remove(label="Remove the z-loss"),),
                    )
