"""Base of the expert kinds. `count` equal experts form a group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from core.design.base import Choice, Role, Spec, Weight, field
from core.design.edit import Edit
from core.design.problems import Site

Activation = Literal["silu", "gelu", "gelu_tanh", "relu", "relu2"]


class Expert(Spec):
    """`count` experts of one kind. Kinds with matrices have a field `hidden`, the width H."""

    kind: str

    #: The kind that goes without saying.
    usual: ClassVar[bool] = False

    count: int = field(1, ge=1, le=4096, unit="experts", symbol="E")

    @property
    def inner(self) -> int:
        """H, hidden width; 0 for kinds without matrices."""
        return int(getattr(self, "hidden", 0))

    def weights(self, width: int, role: Role) -> Iterator[Weight]:
        """Parameters of the group, `count` copies of each tensor."""
        yield from ()

    def macs(self, width: int) -> int:
        """Multiply-adds of one expert on one token."""
        return sum(w.each for w in self.weights(width, "expert") if w.gemm)

    def parameters(self, width: int) -> int:
        """Numbers in one expert."""
        return sum(w.each for w in self.weights(width, "expert"))

    def instead(self, site: Site) -> Edit:
        plain = {"kind": "glu", "count": self.count, "hidden": max(1, self.inner)}
        return site.set("", plain, label="Use gated experts")


EXPERT = Choice("expert", "kind of expert")
