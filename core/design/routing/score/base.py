"""Base of the scores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from core.design.base import Choice, Spec, Weight
from core.design.edit import Edit
from core.design.problems import Site


class Score(Spec):
    """Writes logits `[T, E]` in float32."""

    kind: str

    #: Whether the task's loss reaches the score's parameters. False: nothing to train.
    learns: ClassVar[bool] = True
    #: Whether it reads tokens, so that one decision for several of them looks at all of these.
    reads: ClassVar[bool] = True
    #: Whether noise, a temperature or a mask have anything to act on.
    bends: ClassVar[bool] = True
    #: Whether longer weights alone make all logits larger, as a temperature does.
    scales: ClassVar[bool] = False
    #: Whether it adds Gaussian noise to its logits.
    noisy: ClassVar[bool] = False
    #: Whether a condition may act on it; a score that refuses one says so itself.
    conditioned: ClassVar[bool] = True
    #: Tensors of all experts that it multiplies every token with; chosen experts need not do so again.
    asks: ClassVar[tuple[str, ...]] = ()

    def weights(self, width: int, experts: int, islands: int) -> Iterator[Weight]:
        """Router parameters for a layer of `experts` outputs, cut into `islands` equal parts in order."""
        yield Weight(name="router.weight", shape=(experts, width), role="router")

    def instead(self, site: Site) -> Edit:
        return site.set("", {"kind": "linear"}, label="Use a linear score")


SCORE = Choice("score")
