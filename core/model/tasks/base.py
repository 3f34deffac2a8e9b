"""Both ends of a model: from a batch to tokens [B, S, D], and from tokens to logits."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from core.design.tasks.base import TASK, Head
from core.model.registry import Registry


class Ends(nn.Module, ABC):
    """Base of both ends; `embedding.scale` multiplies tokens, `embedding.logit_scale` the logits."""

    @abstractmethod
    def embed(self, inputs: Tensor) -> Tensor:
        """x [B, S, D]. Raises ValueError for inputs of another shape or kind."""

    @abstractmethod
    def read(self, x_BSD: Tensor, mask_BS: Tensor | None) -> dict[str, Tensor]:
        """Logits by head name."""


class Heads(nn.Module):
    """Linear heads with bias on the mean over an example's real tokens: [B, S, D] to {name: [B, outputs]}.

    With `tokens` on each token instead, to {name: [B, S, outputs]}.
    """

    def __init__(self, heads: tuple[Head, ...], width: int, scale: float, tokens: bool = False) -> None:
        super().__init__()
        self.names = tuple(head.name for head in heads)
        self.each = nn.ModuleList(nn.Linear(width, head.outputs) for head in heads)
        self.scale, self.tokens = scale, tokens

    def forward(self, x_BSD: Tensor, mask_BS: Tensor | None) -> dict[str, Tensor]:
        read = x_BSD if self.tokens else _mean(x_BSD, mask_BS)
        return {name: head(read) * self.scale for name, head in zip(self.names, self.each, strict=True)}


def _mean(x_BSD: Tensor, mask_BS: Tensor | None) -> Tensor:
    """The mean over each example's real tokens [B, D]."""
    if mask_BS is None:
        return x_BSD.mean(1)
    return (x_BSD * mask_BS[:, :, None]).sum(1) / mask_BS.sum(1, keepdim=True).clamp_min(1)


def wrong(wanted: str, inputs: Tensor) -> ValueError:
    """The error for inputs that are not what the design reads."""
    return ValueError(
        f"The inputs are {str(inputs.dtype).removeprefix('torch.')} of shape {tuple(inputs.shape)}, and this"
        f" model reads {wanted}. To fix this, give it such inputs, or match the design's task to the data."
    )


def floats(inputs: Tensor, shape: tuple[int, ...], wanted: str) -> Tensor:
    """`inputs` if each example has `shape` and holds floating point numbers."""
    if tuple(inputs.shape[1:]) != shape or not torch.is_floating_point(inputs):
        raise wrong(wanted, inputs)
    return inputs


#: A builder takes (spec, design).
TASKS: Registry[Ends] = Registry(TASK)
