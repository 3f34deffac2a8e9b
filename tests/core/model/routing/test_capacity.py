"""Who has room: the worked examples, and what holds for all.

Switch (arXiv 2101.03961), GShard (arXiv 2006.16668); the best scores first: V-MoE (arXiv 2106.05974).
"""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.design.routing.router import Capacity
from core.model.routing.capacity import accept, places
from core.model.routing.decision import count
from tests.support import close, moe_layer, routed


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


@pytest.mark.parametrize(
    ("factor", "k", "tokens", "experts", "wanted"), [(1.25, 1, 1024, 8, 160), (1.0, 2, 1024, 8, 256)]
)
def test_published_capacities(factor: float, k: int, tokens: int, experts: int, wanted: int) -> None:
    """Switch, and GShard's top-2."""
    assert places(factor, k, tokens, experts) == wanted


def test_where_tokens_take_unequal_numbers_there_is_room_for_the_most() -> None:
    ragged = {"select": {"kind": "top_p", "p": 0.2, "max_k": 3}, "weigh": {"kind": "raw"}}
    layer = moe_layer(capacity={"train": 0.5, "eval": 0.5}, **ragged)
    torch.nn.init.zeros_(layer.router.score.weight)  # every token takes expert 0, and it alone
    x = torch.randn(2, 10, 8)
    record = routed(layer, x)[1].record
    assert record.expert_TK.shape[1] == 1
    assert record.counts_E.tolist() == [8, 0, 0, 0]  # ceil(0.5 * 3 * 20 / 4)


def test_drops_fall_as_the_factor_grows_and_end_at_experts_over_k() -> None:
    selected, scores = torch.tensor([[0, 1]] * 12), torch.rand(12, 4)
    kept = [int(accept(selected, scores, Capacity(train=f), 12, True).sum()) for f in (0.25, 0.5, 1.0, 2.0)]
    assert kept == [4, 6, 12, 24]


def test_raw_logits_route_and_their_probabilities_are_their_softmax() -> None:
    layer = moe_layer(score_function="none", weigh={"kind": "raw"}, balance=[{"kind": "load_balance"}])
    x = torch.randn(2, 10, 8)
    record = routed(layer, x)[1].record
    logits = x.flatten(0, 1) @ layer.router.score.weight.t()
    assert close(record.probability_TE, torch.softmax(logits, 1))
    assert close(record.weight_TK, logits.gather(1, record.expert_TK))
    assert torch.equal(record.expert_TK, logits.argsort(dim=1, descending=True)[:, :2])
