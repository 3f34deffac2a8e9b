"""Linear score behind an activation (temperature identifiability, arXiv 2405.13997 and kin)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight, field
from core.design.problems import Problem, Site
from core.design.routing.score.base import SCORE, Score


@SCORE.register
class ActivationLinearScore(Score):
    """`phi(x W^T) (+ b)`. Needs a phi that is not homogeneous, else scale and temperature cannot be told
    apart. A temperature divides phi and not b, as in the paper."""

    kind: Literal["activation_linear"]
    activation: Literal["sigmoid", "tanh", "gelu", "identity", "relu", "leaky_relu"] = field("sigmoid")
    bias: bool = field(False, advanced=True)

    def weights(self, width: int, experts: int, islands: int) -> Iterator[Weight]:
        yield from super().weights(width, experts, islands)
        if self.bias:
            yield Weight(name="router.bias", shape=(experts,), role="router", gemm=False)

    def rules(self, site: Site) -> Iterator[Problem]:
        if self.activation in ("identity", "relu", "leaky_relu"):
            yield site.error(
                "score-degenerate",
                f"With {self.activation} the score is still scale-degenerate: weights times c and"
                f" temperature times c"
                " give the same model.",
                "To fix this, choose sigmoid, tanh or GELU.",
                edits=tuple(site.set("activation", a, label=f"Use {a}") for a in ("sigmoid", "tanh", "gelu")),
                at="activation",
            )
        if site.moe is not None and site.moe.router.score_function != "softmax":
            yield site.warning(
                "activation-not-softmax",
                f"What is known about this score holds for softmax, and this router uses"
                f" {site.moe.router.score_function}.",
                "To fix this, switch to softmax.",
                edits=(site.up().set("score_function", "softmax", label="Use softmax"),),
            )
