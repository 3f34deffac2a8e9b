"""The ground of the vocabulary: a spec knows its rules, and which parameters it stands for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from core.design.edit import Edit
from core.design.plain import Choice as Choice
from core.design.plain import Plain
from core.design.plain import field as field
from core.design.problems import Problem, Site


class Spec(Plain):
    """One immutable piece of a design."""

    #: False while the studio can draw, cost and save this value but not train it.
    trainable: ClassVar[bool] = True

    def rules(self, site: Site) -> Iterator[Problem]:
        """Problems of this piece where it stands; none by default."""
        yield from ()

    def instead(self, site: Site) -> Edit:
        """What to put here while this value cannot be trained: its removal, unless an axis knows better."""
        return site.remove(label="Leave it out")

    @property
    def drawn(self) -> bool:
        """Whether it draws at random in training, anew in every pass of a step."""
        return False

    @property
    def trained_by(self) -> str | None:
        """The kind of objective it is usually trained with; None: any."""
        return None

    @classmethod
    def called(cls) -> str:
        """What a user calls this value: "The score 'cosine'", or the name of its class."""
        for choice in Choice.known.values():
            for kind, member in choice.members.items():
                if member is cls:
                    return f"The {choice.noun} {kind.replace('_', ' ')!r}"
        return f"The {cls.__name__.lower()}"


Role = Literal["embedding", "head", "mixer", "norm", "dense", "router", "expert", "shared"]


@dataclass(frozen=True, slots=True)
class Weight:
    """One parameter tensor of a part.

    `copies` stacks equal tensors (the experts of a group). `gemm` says that a token which meets the tensor
    is multiplied with it: 2 FLOPs for each number. `by` names who meets it: what the part routes or passes
    on, or each task, once a pass. `trains_only`: only training multiplies with it. `learns`: whether it gets
    a gradient.
    """

    name: str
    shape: tuple[int, ...]
    role: Role
    copies: int = 1
    gemm: bool = True
    by: Literal["token", "task"] = "token"
    trains_only: bool = False
    learns: bool = True

    @property
    def each(self) -> int:
        """Numbers in one copy."""
        total = 1
        for n in self.shape:
            total *= n
        return total

    @property
    def size(self) -> int:
        """Numbers in all copies."""
        return self.each * self.copies

    @property
    def narrows(self) -> bool:
        """Whether a narrow number format applies: to matrices and tables, not to routers, norms, biases."""
        return self.role != "router" and (self.gemm or self.role == "embedding") and len(self.shape) > 1
