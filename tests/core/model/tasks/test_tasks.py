"""Both ends: patches, positions, tying, scales, heads, and inputs that do not fit."""

import pytest
import torch

from core.design.spec import Design
from core.model.build import build
from core.model.passing import Pass
from core.model.tasks.image_classifier import patches
from tests.support import close

HEADS = [{"name": "digit", "kind": "classes", "size": 3}, {"name": "is.odd", "kind": "binary"}]
LAYERS = [{"pattern": [{"parts": [{"body": {"kind": "dense", "expert": {"kind": "zero"}}}]}]}]


def bare(task: dict[str, object], **embedding: object) -> Design:
    """A design whose layers add nothing."""
    stack = {"causal": task["kind"] == "language_model", "layers": LAYERS, "final_norm": False}
    return Design.model_validate({"width": 4, "task": task, "embedding": embedding, "stacks": [stack]})


def test_patches_run_by_rows_and_hold_their_pixels_by_rows() -> None:
    pixels = torch.arange(2 * 4 * 6 * 3.0).view(2, 4, 6, 3)
    cut = patches(pixels, 2)
    assert cut.shape == (2, 6, 12)
    assert torch.equal(cut[1, 4], pixels[1, 2:4, 2:4].flatten())


def test_a_tied_head_is_the_embedding_and_scales_multiply() -> None:
    design = bare(
        {"kind": "language_model", "context": 5}, tied=True, position="learned", scale=3.0, logit_scale=0.5
    )
    model = build(design)
    tokens = torch.tensor([[7, 8]])
    table, place = model.ends.embedding.weight, model.ends.position.weight
    wanted = 0.5 * (3.0 * table[[7, 8]] + place[:2]) @ table.t()
    assert close(model(tokens).logits["next"][0], wanted)
    assert not any("head" in name for name, _ in model.named_parameters())


def test_heads_read_the_mean_of_the_real_tokens() -> None:
    design = bare({"kind": "image_classifier", "height": 4, "width": 4, "patch": 2, "heads": HEADS})
    model = build(design)
    pixels = torch.rand(2, 4, 4, 1)
    mask = torch.tensor([[True, True, False, False], [True] * 4])
    found = model(pixels, Pass(mask=mask)).logits
    x_BSD = model.ends.embedding(patches(pixels, 2)) + model.ends.position.weight
    wanted = torch.stack([x_BSD[0, :2].mean(0), x_BSD[1].mean(0)])
    assert {name: tuple(logits.shape) for name, logits in found.items()} == {
        "digit": (2, 3),
        "is.odd": (2, 1),
    }
    assert close(found["digit"], model.ends.heads.each[0](wanted))


def test_heads_may_answer_for_each_patch() -> None:
    task = {"kind": "image_classifier", "height": 4, "width": 4, "patch": 2, "heads": HEADS, "each": "patch"}
    model = build(bare(task))
    pixels = torch.rand(2, 4, 4, 1)
    found = model(pixels).logits
    x_BSD = model.ends.embedding(patches(pixels, 2)) + model.ends.position.weight
    assert {name: tuple(logits.shape) for name, logits in found.items()} == {
        "digit": (2, 4, 3),
        "is.odd": (2, 4, 1),
    }
    assert close(found["digit"], model.ends.heads.each[0](x_BSD))


@pytest.mark.parametrize(
    ("task", "inputs"),
    [
        ({"kind": "language_model", "context": 5}, torch.zeros(2, 6, dtype=torch.int64)),
        ({"kind": "language_model", "context": 5}, torch.zeros(2, 5)),
        ({"kind": "table", "features": 3, "heads": HEADS}, torch.zeros(2, 4)),
        ({"kind": "image_classifier", "heads": HEADS}, torch.zeros(2, 8, 8, 1, dtype=torch.uint8)),
        ({"kind": "image_classifier", "heads": HEADS}, torch.zeros(2, 1, 8, 8)),
    ],
)
def test_inputs_that_do_not_fit_are_named(task: dict[str, object], inputs: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"The inputs are .* of shape .* To fix this"):
        build(bare(task))(inputs)
