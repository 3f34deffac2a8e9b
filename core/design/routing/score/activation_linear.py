"""Linear score behind an activation (temperature identifiability, arXiv 2405.13997 and kin)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import field
from core.design.problems import Problem, Site
from core.design.routing.score.base import SCORE, Score


@SCORE.register
class ActivationLinearScore(Score):
    """`phi(x W^T)`. Needs a phi that is not homogeneous, else scale and temperature cannot be told apart."""

    trainable = False
    kind: Literal["activation_linear"]
    activation: Literal["sigmoid", "tanh", "gelu", "identity", "relu", "leaky_relu"] = field("sigmoid")

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
