"""What stands at padding, NaN and infinity too, reaches no real token, no gradient and no figure."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from core.design.presets.methods import METHODS
from core.model.build import build
from core.model.passing import Pass
from tests.core.design.samples import digits_with_body
from tests.core.model.routing.test_invariants_methods import B, S, X, passed
from tests.core.model.routing.test_invariants_others import built
from tests.support import gradients, routed

MASK = torch.ones(B, S, dtype=torch.bool)
MASK[:, 5:], MASK[1, 0], MASK[2] = False, False, False
EVERY = [method.name for method in METHODS]


def learned(name: str, execution: str, padding: float) -> dict[str, Tensor]:
    """Output, record and gradients of a layer in training, with `padding` where nothing real is."""
    layer = built(name, execution, training=True)
    x = torch.where(MASK[:, :, None], X, padding).requires_grad_()
    passing = passed(mask=MASK, domain=torch.tensor([0, 1, 0]), domains=2)
    y, told = routed(layer, x, passing)
    (y.square().sum() + sum(loss.sum() for loss in told.losses.values())).backward()
    assert x.grad is not None
    assert told.record is not None
    figures = {
        name: value[MASK.flatten()] if name.split("_")[-1].startswith("T") else value
        for name, value in vars(told.record).items()
        if isinstance(value, Tensor)
    }
    return {"y": y.detach(), "x": x.grad, **figures, **gradients(layer), **told.losses}


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("execution", ["reference", "sparse", "export"])
def test_padding_reaches_nothing(name: str, execution: str) -> None:
    plain = learned(name, execution, 0.0)
    assert (plain["y"][~MASK] == 0).all()
    assert (plain["y"][MASK].abs().sum(1) > 0).any()
    for padding in (torch.nan, torch.inf, 1e3):
        found = learned(name, execution, padding)
        assert found.keys() == plain.keys()
        for key, value in found.items():
            assert torch.equal(value, plain[key]), (padding, key)


@pytest.mark.parametrize("execution", ["reference", "sparse", "export"])
def test_padded_patches_of_an_image_reach_no_answer(execution: str) -> None:
    """Attention, too, would spread NaN from a value that has no share, and the mean before the heads."""
    model = build(digits_with_body(), execution=execution)
    pixels = torch.rand(2, 8, 8, 1, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(2, model.design.task.tokens, dtype=torch.bool)
    mask[1, -1] = False
    answers = []
    for padding in (0.0, torch.nan):
        pixels[1, 6:, 6:] = padding
        answers.append(model(pixels, Pass(mask=mask)).logits)
    for name, plain in answers[0].items():
        assert plain.isfinite().all()
        assert torch.equal(answers[1][name], plain)
