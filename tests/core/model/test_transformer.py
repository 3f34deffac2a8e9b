"""What parts read and when they join, against the residual stream written out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from core.design.spec import Norm
from core.design.structure import Part as PartSpec
from core.model import vocabulary as vocabulary
from core.model.bodies.base import Place, Routed, Sight
from core.model.transformer import Layer, Part
from tests.support import close, sight


class Times(nn.Module):
    """A body that multiplies, so that sums show who read what."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x_BSD: Tensor, sight: Sight) -> tuple[Tensor, Routed | None]:
        return self.factor * x_BSD, None


def layer_of(*parts: dict[str, object]) -> Layer:
    made = []
    for factor, fields in zip((2.0, 3.0, 5.0), parts, strict=False):
        body = {"kind": "dense", "expert": {"kind": "identity"}}
        norm = {"pre": False}
        part = Part(
            PartSpec.model_validate({"body": body, "norm": norm, **fields}), Place(4, Norm(), "auto", 0)
        )
        part.body = Times(factor)
        made.append(part)
    return Layer(made)


def run(layer: Layer, x: Tensor) -> Tensor:
    return layer(x, sight(1, 2))[0]


X = torch.arange(8.0).view(1, 2, 4) + 1


@pytest.mark.parametrize(
    ("parts", "factor"),
    [
        ([{}, {}], 1 + 2 + 3 * 3),  # the second part reads what the first has written
        ([{}, {"reads": "layer_input"}], 1 + 2 + 3),  # parallel
        ([{"joins": "layer_end"}, {}], 1 + 3 + 2),  # a late first part is not seen by the second
        ([{}, {}, {"reads": 1}], 1 + 2 + 9 + 5 * 3),  # the third reads what the second read
        ([{"joins": "layer_end"}, {}, {}], 1 + 3 + 4 * 5 + 2),
        ([{"scale": 0.5}, {"scale": 2.0, "reads": 0}], 1 + 1 + 6),
    ],
)
def test_reads_and_joins(parts: list[dict[str, object]], factor: float) -> None:
    assert close(run(layer_of(*parts), X), factor * X)


def test_norms_stand_before_and_after_and_a_later_part_reads_the_normed_input() -> None:
    def rms(x: Tensor) -> Tensor:
        return x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt()

    both = {"norm": {"pre": True, "post": True}}
    assert close(run(layer_of(both), X), X + rms(2 * rms(X)))
    shared = layer_of({"norm": {"pre": True}}, {"reads": 0})
    assert close(run(shared, X), X + 2 * rms(X) + 3 * rms(X))
