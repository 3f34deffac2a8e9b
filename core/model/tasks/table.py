"""Rows of a table, one token each."""

from __future__ import annotations

from torch import Tensor, nn

from core.design.spec import Design
from core.design.tasks.table import Table as TableSpec
from core.model.tasks.base import TASKS, Ends, Heads, floats


@TASKS.register(TableSpec)
class Table(Ends):
    """Features [B, F] to logits [B, outputs] by head."""

    def __init__(self, spec: TableSpec, design: Design) -> None:
        super().__init__()
        self.features, self.scale = spec.features, design.embedding.scale
        self.embedding = nn.Linear(spec.features, design.width)
        self.heads = Heads(spec.heads, design.width, design.embedding.logit_scale)

    def embed(self, inputs: Tensor) -> Tensor:
        row_BF = floats(inputs, (self.features,), f"numbers [examples, {self.features}]")
        x_BD: Tensor = self.embedding(row_BF) * self.scale
        return x_BD[:, None]

    def read(self, x_BSD: Tensor, mask_BS: Tensor | None) -> dict[str, Tensor]:
        logits: dict[str, Tensor] = self.heads(x_BSD, mask_BS)
        return logits
