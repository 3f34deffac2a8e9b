"""Next-token prediction over bytes."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.design.spec import Design
from core.design.tasks.language_model import LanguageModel as LanguageModelSpec
from core.model.tasks.base import TASKS, Ends, wrong


@TASKS.register(LanguageModelSpec)
class LanguageModel(Ends):
    """Token ids [B, S] to logits [B, S, V] under "next"; a tied head is the embedding itself."""

    def __init__(self, spec: LanguageModelSpec, design: Design) -> None:
        super().__init__()
        self.spec, self.how = spec, design.embedding
        self.embedding = nn.Embedding(spec.vocabulary, design.width)
        learned = design.embedding.position == "learned"
        self.position = nn.Embedding(spec.context, design.width) if learned else None
        self.head = None if design.embedding.tied else nn.Linear(design.width, spec.vocabulary, bias=False)

    def embed(self, inputs: Tensor) -> Tensor:
        integers = not torch.is_floating_point(inputs)
        if inputs.dim() != 2 or inputs.shape[1] > self.spec.context or not integers:
            raise wrong(f"whole numbers [examples, up to {self.spec.context} tokens]", inputs)
        x_BSD: Tensor = self.embedding(inputs.long()) * self.how.scale
        return x_BSD if self.position is None else x_BSD + self.position.weight[: inputs.shape[1]]

    def read(self, x_BSD: Tensor, mask_BS: Tensor | None) -> dict[str, Tensor]:
        head = self.embedding if self.head is None else self.head
        return {"next": F.linear(x_BSD, head.weight) * self.how.logit_scale}
