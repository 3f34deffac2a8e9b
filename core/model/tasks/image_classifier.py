"""Images cut into patches (vision transformer, arXiv 2010.11929, without a class token)."""

from __future__ import annotations

from torch import Tensor, nn

from core.design.spec import Design
from core.design.tasks.image_classifier import ImageClassifier as ImageClassifierSpec
from core.model.tasks.base import TASKS, Ends, Heads, floats


@TASKS.register(ImageClassifierSpec)
class ImageClassifier(Ends):
    """Pixels [B, height, width, channels] in [0, 1] to logits [B, outputs] by head; learned positions.

    To logits [B, patches, outputs] where heads answer for each patch.
    """

    def __init__(self, spec: ImageClassifierSpec, design: Design) -> None:
        super().__init__()
        self.spec, self.scale = spec, design.embedding.scale
        self.embedding = nn.Linear(spec.patch_numbers, design.width)
        self.position = nn.Embedding(spec.tokens, design.width)
        scale = design.embedding.logit_scale
        self.heads = Heads(spec.heads, design.width, scale, tokens=spec.answers_tokens)

    def embed(self, inputs: Tensor) -> Tensor:
        spec = self.spec
        shape = (spec.height, spec.width, spec.channels)
        pixels = floats(inputs, shape, f"numbers [examples, {shape[0]}, {shape[1]}, {shape[2]}]")
        x_BSD: Tensor = self.embedding(patches(pixels, spec.patch)) * self.scale
        return x_BSD + self.position.weight

    def read(self, x_BSD: Tensor, mask_BS: Tensor | None) -> dict[str, Tensor]:
        logits: dict[str, Tensor] = self.heads(x_BSD, mask_BS)
        return logits


def patches(pixels: Tensor, side: int) -> Tensor:
    """[B, height, width, channels] as [B, patches, side * side * channels], rows of patches from the top."""
    B, height, width, channels = pixels.shape
    tiles = pixels.reshape(B, height // side, side, width // side, side, channels)
    return tiles.transpose(2, 3).reshape(B, -1, side * side * channels)
