"""Who has room: the worked examples, and what holds for all."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.design.routing.router import Capacity
from core.model.routing.capacity import accept, places
from core.model.routing.decision import count


def test_capacity_is_exact_for_decimal_factors() -> None:
    assert places(1.1, 2, 10, 2) == 11  # 1.1 * 10 is 11.000000000000002 in floating point
    assert places(0.6, 2, 10, 4) == 3
    assert places(1.25, 1, 7, 8) == 2


def test_everyone_picks_the_same_two_experts() -> None:
    """10 tokens, k = 2, everyone picks experts 0 and 1, C = 3: kept 3 and 3, 14 dropped."""
    selected = torch.tensor([[0, 1]] * 10)
    accepted = accept(selected, torch.rand(10, 4), Capacity(train=0.6), 10, training=True)
    assert count(selected.masked_fill(~accepted, -1), 4).tolist() == [3, 3, 0, 0]
    assert int((~accepted).sum()) == 14
    assert accepted[:3].all()
    assert not accepted[3:].any()


def test_first_choices_of_late_tokens_come_before_second_choices_of_early_ones() -> None:
    selected = torch.tensor([[1, 0], [1, 0], [0, 1], [0, 1]])
    accepted = accept(selected, torch.rand(4, 2), Capacity(train=0.5), 4, training=True)
    assert accepted.tolist() == [[True, False]] * 4


def test_priority_by_score_serves_the_surest_tokens_first_and_ties_in_order() -> None:
    selected = torch.zeros(4, 1, dtype=torch.int64)
    scores = torch.tensor([[0.2, 0.1], [0.9, 0.0], [0.2, 0.0], [0.5, 0.0]])
    accepted = accept(selected, scores, Capacity(train=1.5, priority="score"), 4, training=True)
    assert accepted[:, 0].tolist() == [True, True, False, True]


def test_the_factor_of_evaluation_is_another() -> None:
    selected = torch.zeros(8, 1, dtype=torch.int64)
    spec = Capacity(train=0.5, eval=1.0)
    kept = [int(accept(selected, torch.rand(8, 2), spec, 8, training).sum()) for training in (True, False)]
    assert kept == [2, 4]


@given(st.data())
@pytest.mark.parametrize("priority", ["order", "score"])
def test_loads_stay_within_capacity_and_nothing_is_dropped_without_need(
    priority: str, data: st.DataObject
) -> None:
    tokens, experts = data.draw(st.integers(1, 30)), data.draw(st.integers(1, 5))
    k = data.draw(st.integers(1, experts))
    factor = data.draw(st.sampled_from([0.3, 1.0, 1.25, 4.0]))
    random = torch.Generator().manual_seed(data.draw(st.integers(0, 1000)))
    scores = torch.rand(tokens, experts, generator=random)
    selected = scores.argsort(1, descending=True)[:, :k]
    padded = torch.rand(tokens, generator=random) < 0.3
    selected[padded] = -1
    real = int((~padded).sum())
    accepted = accept(selected, scores, Capacity(train=factor, priority=priority), real, training=True)
    room = places(factor, k, real, experts)
    wanted, kept = count(selected, experts), count(selected.masked_fill(~accepted, -1), experts)
    assert torch.equal(kept, wanted.clamp(max=room))
    assert not accepted[padded].any()


def test_padding_takes_no_place() -> None:
    selected = torch.tensor([[-1], [-1], [0], [0]])
    accepted = accept(selected, torch.rand(4, 2), Capacity(train=1.0), 2, training=True)
    assert accepted[:, 0].tolist() == [False, False, True, False]
