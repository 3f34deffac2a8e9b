"""Every value that trains has a torch class, and a new value is one class in each of two registries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from core.design.base import Choice
from core.design.edits import parse
from core.design.routing.score.base import SCORE, Score
from core.design.spec import Design
from core.model import vocabulary as vocabulary
from core.model.build import build
from core.model.passing import Pass
from core.model.registry import NotBuiltError, Registry
from core.model.routing.context import RouteContext
from core.model.routing.score import base
from core.model.routing.score.base import SCORES
from core.model.routing.shape import RoutedShape
from tests.support import inputs_for, loss_of

#: Unions whose values are data for other rooms: how the design changes, how training goes.
ELSEWHERE = {"edit", "schedule", "objective"}


@pytest.mark.parametrize("axis", sorted(set(Choice.known) - ELSEWHERE))
def test_exactly_the_values_that_train_have_a_torch_class(axis: str) -> None:
    wanted = {member for member in Choice.known[axis].members.values() if member.trainable}
    found = set(Registry.known[axis].builders) if axis in Registry.known else set()
    assert found == wanted


class DistanceScore(Score):
    """Minus the squared distance to a centre for each expert: a value that the studio does not have."""

    kind: Literal["distance"]


class Distance(base.Score):
    def __init__(self, spec: DistanceScore, shape: RoutedShape) -> None:
        super().__init__()
        self.centre_ED = nn.Parameter(torch.zeros(shape.experts, shape.width))

    def forward(self, x_GD: Tensor, context: RouteContext) -> Tensor:
        return -(x_GD[:, None] - self.centre_ED).square().mean(2)


def test_a_class_that_leaves_out_what_it_is_for_is_refused() -> None:
    class Empty(base.Score):
        pass

    with pytest.raises(TypeError, match="forward"):
        Empty()


@pytest.fixture
def distance() -> Iterator[None]:
    SCORE.register(DistanceScore)
    SCORES.register(DistanceScore)(Distance)
    yield
    SCORES.unregister(DistanceScore)
    SCORE.unregister("distance")


def table_of_experts(score: str) -> dict[str, object]:
    router = {
        "score": {"kind": score},
        "select": {"kind": "top_k", "k": 2},
        "weigh": {"kind": "renormalised"},
        "combine": {"kind": "output_mix"},
    }
    experts = [{"kind": "mlp", "count": 4, "hidden": 8}]
    body = {"kind": "moe", "experts": experts, "router": router, "balance": [{"kind": "load_balance"}]}
    return {
        "width": 8,
        "task": {"kind": "table", "features": 5},
        "stacks": [{"causal": False, "layers": [{"pattern": [{"parts": [{"body": body}]}]}]}],
    }


@pytest.mark.usefixtures("distance")
def test_a_value_of_the_tests_own_trains_end_to_end() -> None:
    design = parse(table_of_experts("distance"))
    assert isinstance(design, Design)
    model = build(design)
    assert sum(p.numel() for p in model.parameters()) == sum(
        w.times * w.weight.size for w in design.weights()
    )
    optimizer = torch.optim.AdamW(model.parameters(), 0.01)
    centres = model.get_parameter("layers.decoder.0.0.body.router.score.centre_ED")
    before, losses = centres.detach().clone(), []
    for step in range(30):
        loss = loss_of(model(inputs_for(design, 16), Pass(step=step)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.1
    assert not torch.equal(centres, before)


def test_after_it_is_unregistered_it_is_unknown() -> None:
    assert not isinstance(parse(table_of_experts("distance")), Design)


def test_a_value_without_a_class_is_named() -> None:
    with pytest.raises(NotBuiltError, match=r"The score 'distance' .* To fix this, use one of .*LinearScore"):
        SCORES.build(DistanceScore(kind="distance"), 4, 2)


def test_a_value_has_one_class() -> None:
    spec = next(iter(SCORES.builders))
    with pytest.raises(ValueError, match="has a torch class already"):
        SCORES.register(spec)(Distance)
