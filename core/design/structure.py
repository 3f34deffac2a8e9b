"""Repeat, layer, part: the lists a stack is made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from core.design.base import Spec, field
from core.design.bodies.base import BODY, Body
from core.design.problems import Problem, Site

#: Turns of one repeat.
MOST_TURNS = 1024


class PartNorm(Spec):
    """Where a part's norms stand: before it, after it (sandwich), or both.

    `joined` norms the sum of all that joins at the end of the layer; its last such part owns it (gemma-4).
    """

    pre: bool = field(True)
    post: bool = field(False)
    joined: bool = field(False, advanced=True)

    def names(self) -> Iterator[str]:
        """What the norms that are there are called."""
        wanted = {"norm": self.pre, "post_norm": self.post, "joined_norm": self.joined}
        yield from (name for name, on in wanted.items() if on)

    def rules(self, site: Site) -> Iterator[Problem]:
        if self.joined:
            edit = site.remove("joined", label="Leave it out")
            yield site.not_built("A norm over what joins at the end", "leave it out", edit, at="joined")


class Part(Spec):
    """One residual branch.

    `reads`: the stream as it is now, the layer's input, or the (normed) input of an earlier part by number.
    `joins`: adds its output to the stream now, or at the end of the layer. `scale` multiplies the output.
    """

    body: Annotated[Body, BODY]
    reads: Literal["stream", "layer_input"] | int = field("stream", advanced=True)
    joins: Literal["now", "layer_end"] = field("now", advanced=True)
    norm: PartNorm = PartNorm()
    scale: float = field(1.0, gt=0, le=1e4, advanced=True)

    def rules(self, site: Site) -> Iterator[Problem]:
        index = int(site.path.rsplit("/", 1)[1])
        if isinstance(self.reads, int) and not 0 <= self.reads < index:
            yield site.error(
                "reads-earlier",
                f"Part {index} reads the input of part {self.reads}, which does not come before it.",
                "To fix this, read the stream.",
                edits=(site.set("reads", "stream", label="Read the stream"),),
                at="reads",
            )


class Layer(Spec):
    """Parts in order; the usual layer is a mixer and an FFN."""

    parts: tuple[Part, ...] = field(min_length=1, max_length=16)


class Repeat(Spec):
    """A pattern of layers, `times` over, each turn with weights of its own."""

    times: int = field(1, ge=1, le=MOST_TURNS, unit="times")
    pattern: tuple[Layer, ...] = field(min_length=1, max_length=64)

    @property
    def layers(self) -> int:
        """Layers of all turns."""
        return self.times * len(self.pattern)
