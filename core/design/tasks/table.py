"""Rows of a table: one token per row, classifier or regressor by its heads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight, field
from core.design.problems import Problem, Site
from core.design.tasks.base import TASK, Head, Task


@TASK.register
class Table(Task):
    """`features` numbers in (standardised numbers, one-hot categories), heads out."""

    kind: Literal["table"]
    features: int = field(8, ge=1, le=65_536, unit="inputs")
    heads: tuple[Head, ...] = field(
        (Head(name="target", kind="classes", size=2),), min_length=1, max_length=64
    )

    @property
    def heads_out(self) -> tuple[Head, ...]:
        return self.heads

    @property
    def tokens(self) -> int:
        return 1

    def input_weights(self, width: int) -> Iterator[Weight]:
        yield Weight(name="embedding.weight", shape=(width, self.features), role="embedding")
        yield Weight(name="embedding.bias", shape=(width,), role="embedding", gemm=False)

    def rules(self, site: Site) -> Iterator[Problem]:
        yield from super().rules(site)
        yield from site.unique_heads(self.heads)
