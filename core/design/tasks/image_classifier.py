"""Images cut into patches, one or more heads on the mean of the tokens or on each of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight, field
from core.design.problems import Problem, Site
from core.design.tasks.base import TASK, Head, Task


@TASK.register
class ImageClassifier(Task):
    """The task of a patch vision transformer: pixels in square patches, learned positions.

    Heads answer for `each` image, on the mean of its patches, or for each patch.
    """

    kind: Literal["image_classifier"]
    height: int = field(8, ge=1, le=4096, unit="px")
    width: int = field(8, ge=1, le=4096, unit="px")
    channels: int = field(1, ge=1, le=64)
    patch: int = field(2, ge=1, le=256, unit="px")
    each: Literal["image", "patch"] = field("image", advanced=True, description="what heads answer for")
    heads: tuple[Head, ...] = field(
        (Head(name="class", kind="classes", size=10),), min_length=1, max_length=64
    )

    @property
    def answers_tokens(self) -> bool:
        return self.each == "patch"

    @property
    def heads_out(self) -> tuple[Head, ...]:
        return self.heads

    @property
    def tokens(self) -> int:
        return max(1, self.height // self.patch) * max(1, self.width // self.patch)

    @property
    def patch_numbers(self) -> int:
        """Numbers in one patch."""
        return self.patch * self.patch * self.channels

    def input_weights(self, width: int) -> Iterator[Weight]:
        yield Weight(name="embedding.weight", shape=(width, self.patch_numbers), role="embedding")
        yield Weight(name="embedding.bias", shape=(width,), role="embedding", gemm=False)
        yield Weight(name="position.weight", shape=(self.tokens, width), role="embedding", gemm=False)

    def rules(self, site: Site) -> Iterator[Problem]:
        yield from super().rules(site)
        yield from site.unique_heads(self.heads)
        if self.height % self.patch or self.width % self.patch:
            sides = [p for p in range(self.patch, 0, -1) if self.height % p == 0 and self.width % p == 0]
            yield site.error(
                "patch-divides",
                f"Patches of {self.patch} px do not tile an image of {self.height} x {self.width} px.",
                f"To fix this, use patches of {sides[0]} px.",
                edits=(site.set("patch", sides[0], label=f"Set patch to {sides[0]}"),),
                at="patch",
            )
        elif self.tokens > 4096:
            better = next(
                (
                    p
                    for p in range(self.patch, min(self.height, self.width) + 1)
                    if self.height % p == 0
                    and self.width % p == 0
                    and (self.height // p) * (self.width // p) <= 4096
                ),
                None,
            )
            edits = (
                (site.set("patch", better, label=f"Set patch to {better}"),)
                if better
                else (site.merge({"height": 64, "width": 64, "patch": 8}, label="Use 64 x 64 px, patch 8"),)
            )
            yield site.error(
                "too-large",
                f"This image makes {self.tokens} patches; the studio trains up to 4096.",
                "To fix this, use larger patches.",
                stage="train",
                edits=edits,
                at="patch",
            )
