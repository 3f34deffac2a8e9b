"""Accuracy and r2 by hand."""

import math

import pytest
import torch

from core.design.spec import Design
from core.design.tasks.base import Head
from core.train.evaluate import Tally, arranged
from core.train.objective import head_losses
from tests.core.train.tiny import text_data, tiny_design


def tally(head: Head, logits: torch.Tensor, target: torch.Tensor) -> dict[str, float]:
    """Figures of answers that came in two batches."""
    found = Tally()
    for part in (slice(0, 2), slice(2, None)):
        (losses,) = head_losses({head.name: logits[part]}, {head.name: target[part]}, (head,))
        found.add(losses, logits[part], target[part])
    return found.figures(head)


def test_accuracy_of_labelled_answers() -> None:
    classes = Head(name="digit", size=3)
    logits = torch.eye(3)[[0, 1, 2, 2]]
    assert tally(classes, logits, torch.tensor([0, 1, 1, -1])) == {"accuracy/digit": pytest.approx(2 / 3)}
    binary = Head(name="odd", kind="binary")
    answers = torch.tensor([[1.0], [-1.0], [2.0], [3.0]])
    target = torch.tensor([1.0, 0.0, 0.0, math.nan])
    assert tally(binary, answers, target) == {"accuracy/odd": pytest.approx(2 / 3)}
    assert tally(binary, answers, torch.full((4,), math.nan)) == {}


def test_r2() -> None:
    value = Head(name="price", kind="value")
    target = torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert tally(value, target[:, None], target) == {"r2/price": pytest.approx(1)}
    assert tally(value, torch.full((4, 1), 2.5), target) == {"r2/price": pytest.approx(0, abs=1e-12)}
    assert tally(value, torch.zeros(4, 1), torch.full((4,), 5.0)) == {}


@pytest.mark.parametrize(
    ("written", "together"),
    [
        ({}, True),  # the tiny design has a capacity
        ({"capacity": None}, False),
        ({"capacity": None, "scope": "example"}, False),
        ({"capacity": None, "scope": "batch"}, True),
        ({"capacity": None, "select": {"kind": "expert_choice"}}, True),
        ({"capacity": None, "select": {"kind": "assign"}}, False),  # the best expert, once trained
    ],
)
def test_domains_meet_where_a_router_decides_over_a_whole_batch(
    written: dict[str, object], together: bool
) -> None:
    document = tiny_design().model_dump(mode="json")
    document["stacks"][0]["layers"][0]["pattern"][0]["parts"][1]["body"]["router"].update(written)
    batches = text_data().held_out(3, context=8)
    found = arranged(Design.model_validate(document), batches)
    assert [sorted(set(batch.domain.tolist())) for batch in found] == ([[0, 1]] if together else [[0], [1]])
    assert sum(map(len, found)) == 6
