"""Losses of heads against torch's own, and what missing labels do."""

import math

import pytest
import torch
from torch.nn import functional as F

from core.design.tasks.base import Head
from core.train.objective import answer_nll, head_losses, total

CLASSES = Head(name="class", kind="classes", size=3, weight=2.0)
BINARY = Head(name="flag", kind="binary", size=1, weight=0.5)
VALUE = Head(name="price", kind="value", size=1)


def test_sum_over_heads_of_weight_times_mean() -> None:
    torch.manual_seed(0)
    logits = {"class": torch.randn(4, 3), "flag": torch.randn(4, 1), "price": torch.randn(4, 1)}
    target = {
        "class": torch.tensor([0, 2, 1, 1]),
        "flag": torch.tensor([0.0, 1, 1, 0]),
        "price": torch.randn(4),
    }
    expected = (
        2 * F.cross_entropy(logits["class"], target["class"])
        + 0.5 * F.binary_cross_entropy_with_logits(logits["flag"][:, 0], target["flag"])
        + F.mse_loss(logits["price"][:, 0], target["price"])
    )
    losses = head_losses(logits, target, (CLASSES, BINARY, VALUE))
    assert total(losses) == pytest.approx(expected.item(), rel=1e-6)
    assert answer_nll(losses).mean() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize(
    ("head", "missing"),
    [(CLASSES, torch.tensor([1, -1, 2, -1])), (BINARY, torch.tensor([1, math.nan, 0, math.nan]))],
)
def test_missing_labels_count_nowhere(head: Head, missing: torch.Tensor) -> None:
    torch.manual_seed(0)
    logits = torch.randn(4, head.outputs, requires_grad=True)
    (found,) = head_losses({head.name: logits}, {head.name: missing}, (head,))
    (known,) = head_losses({head.name: logits[::2]}, {head.name: missing[::2]}, (head,))
    assert found.mean().item() == pytest.approx(known.mean().item(), rel=1e-6)
    found.mean().backward()
    assert logits.grad is not None
    assert torch.equal(logits.grad.abs().sum(1) > 0, torch.tensor([True, False, True, False]))
    assert answer_nll([found]).isnan().tolist() == [False, True, False, True]


def test_without_any_label_the_loss_is_zero() -> None:
    (found,) = head_losses({"price": torch.ones(2, 1)}, {"price": torch.full((2,), math.nan)}, (VALUE,))
    assert found.mean() == 0


def test_tokens_of_text_are_answers_of_their_own() -> None:
    torch.manual_seed(0)
    logits, target = torch.randn(2, 5, 7), torch.randint(7, (2, 5))
    (found,) = head_losses({"next": logits}, {"next": target}, (Head(name="next", size=7),))
    assert found.loss.shape == (2, 5)
    assert found.mean() == pytest.approx(F.cross_entropy(logits.flatten(0, 1), target.flatten()).item())
    sums, labels = found.by_example()
    assert labels.tolist() == [5, 5]
    assert sums.sum() == pytest.approx(found.loss.sum().item(), rel=1e-6)
