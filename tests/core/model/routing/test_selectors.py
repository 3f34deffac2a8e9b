"""Selectors: edges, ties, and what each must never do.

Top-p (arXiv 2403.07652), one island of SAM (arXiv 2110.07431), islands of DeepSeek-V3 (arXiv 2412.19437), the
second expert of GShard (arXiv 2006.16668), the threshold of dense to sparse (arXiv 2112.14397).
"""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from core.design.base import Spec
from core.design.routing.select.base import SELECT
from core.model import vocabulary as vocabulary  # registers every torch class
from core.model.passing import Pass
from core.model.routing.context import RouteContext
from core.model.routing.decision import count
from core.model.routing.select.base import SELECTORS, Ranked
from core.model.routing.shape import RoutedShape
from core.model.routing.weigh.base import Picked
from tests.support import close, moe_layer, routed

X = torch.randn(3, 7, 8, generator=torch.Generator().manual_seed(5))


def context(tokens: int, training: bool = True, batch: int = 1, **passing: object) -> RouteContext:
    return RouteContext((batch, tokens // batch), Pass(**passing), 0, training, False, torch.device("cpu"))


def select(
    values: dict[str, object],
    scores_TE: Tensor,
    bias_E: Tensor | None = None,
    logits_TE: Tensor | None = None,
    islands: int = 1,
    training: bool = True,
    batch: int = 1,
    **passing: object,
) -> Tensor:
    spec = SELECT.parse(values)
    assert isinstance(spec, Spec)
    ranking_TE = scores_TE if bias_E is None else scores_TE + bias_E
    ranked = Ranked(ranking_TE, scores_TE, scores_TE.log() if logits_TE is None else logits_TE)
    selector = SELECTORS.build(spec, RoutedShape(8, scores_TE.shape[1], islands))
    return selector(ranked, context(len(scores_TE), training, batch, **passing))


def top_p(scores_TE: Tensor, p: object, **fields: object) -> Tensor:
    return select({"kind": "top_p", "p": p, **fields}, scores_TE)


def chosen_of(selected_TK: Tensor) -> Tensor:
    return (selected_TK >= 0).sum(1)


def probabilities(tokens: int, experts: int, seed: int = 0, sharp: float = 1.0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.softmax(sharp * torch.randn(tokens, experts, generator=random), 1)


def test_top_p_of_nothing_is_one_expert_and_of_one_is_all() -> None:
    scores = probabilities(200, 64, sharp=3)
    assert top_p(scores, 0.0).tolist() == scores.argmax(1)[:, None].tolist()
    assert (chosen_of(top_p(scores, 1.0)) == 64).all()
    # The trap: a float32 sum of sorted probabilities reaches one before its last summand.
    assert (scores.sort(1, descending=True).values.cumsum(1)[:, -2] >= 1).any()


@pytest.mark.parametrize(("experts", "p", "k"), [(8, 0.5, 4), (10, 0.3, 3), (16, 0.4, 7), (8, 0.51, 5)])
def test_top_p_of_uniform_scores_is_the_smallest_set_with_that_mass(experts: int, p: float, k: int) -> None:
    scores = torch.full((5, experts), 1 / experts)
    assert top_p(scores, p).tolist() == [list(range(k))] * 5  # ties go to the lower index


@given(st.integers(0, 10_000), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
@settings(max_examples=40)
def test_top_p_reaches_p_with_its_last_expert_only_and_grows_with_p(seed: int, p: float, q: float) -> None:
    scores = probabilities(20, 9, seed, 2.0).double().float()
    selected = top_p(scores, p)
    mass_TK = scores.gather(1, selected.clamp_min(0)).masked_fill(selected < 0, 0.0)
    many = chosen_of(selected)
    last_T = mass_TK.gather(1, many[:, None] - 1)[:, 0]
    assert (mass_TK.sum(1) >= p - 1e-6).all()
    assert (mass_TK.sum(1) - last_T < p + 1e-6).all()
    assert ((many < chosen_of(top_p(scores, q))) <= (p < q)).all()


def test_sharper_scores_never_take_more_experts() -> None:
    logits = torch.randn(100, 8, generator=torch.Generator().manual_seed(1))
    counts = [chosen_of(top_p(torch.softmax(scale * logits, 1), 0.7)) for scale in (0.5, 1.0, 2.0, 5.0)]
    assert all((a >= b).all() for a, b in pairwise(counts))


def test_top_p_stops_at_the_most_and_keeps_the_best() -> None:
    scores = probabilities(50, 8)
    capped, free = top_p(scores, 0.9, max_k=3), top_p(scores, 0.9)
    assert capped.shape[1] == 3
    assert torch.equal(capped[:, :1], free[:, :1])
    assert torch.equal(chosen_of(capped), chosen_of(free).clamp(max=3))


def test_top_p_follows_its_schedule() -> None:
    scores, ramp = torch.full((2, 8), 1 / 8), {"kind": "linear", "start": 1.0, "end": 0.25}
    values = {"kind": "top_p", "p": ramp}
    assert [select(values, scores, progress=at).shape[1] for at in (0.0, 0.5, 1.0)] == [8, 5, 2]


def test_a_bias_orders_top_p_and_the_mass_is_of_clean_scores() -> None:
    scores, bias = torch.tensor([[0.6, 0.3, 0.1]]), torch.tensor([0.0, 0.0, 1.0])
    assert top_p(scores, 0.5).tolist() == [[0]]
    assert select({"kind": "top_p", "p": 0.5}, scores, bias).tolist() == [[2, 0]]


def test_threshold_takes_what_is_above_and_the_best_in_any_case() -> None:
    scores = torch.tensor([[0.1, 0.6, 0.3], [0.4, 0.2, 0.4]])
    assert select({"kind": "threshold", "theta": 0.3}, scores).tolist() == [[1, 2], [0, 2]]
    assert select({"kind": "threshold", "theta": 0.9}, scores).tolist() == [[1], [0]]
    two = select({"kind": "threshold", "theta": 0.9, "min_k": 2}, scores)
    assert two.tolist() == [[1, 2], [0, 2]]
    assert select({"kind": "threshold", "theta": 0.0}, scores).shape == (2, 3)
    ramp = {"kind": "linear", "start": 0.0, "end": 1.0}
    assert select({"kind": "threshold", "theta": ramp}, scores, progress=0.5).tolist() == [[1], [0]]


def test_ragged_rows_end_in_minus_one() -> None:
    scores = torch.tensor([[0.9, 0.05, 0.05], [0.4, 0.3, 0.3]])
    assert top_p(scores, 0.8).tolist() == [[0, -1, -1], [0, 1, 2]]


GROUPED = {"kind": "group_top_k", "k": 2, "top_islands": 1, "island_score": "sum"}


def test_all_experts_of_a_token_lie_in_the_island_of_the_largest_sum() -> None:
    scores = probabilities(100, 12)
    selected = select(GROUPED, scores, islands=4)
    assert torch.equal(selected // 3, scores.view(-1, 4, 3).sum(2).argmax(1)[:, None].expand(-1, 2))


def test_the_island_of_the_largest_sum_need_not_hold_the_best_expert() -> None:
    scores = torch.tensor([[0.35, 0.05, 0.3, 0.3]])
    assert select(GROUPED, scores, islands=2).tolist() == [[2, 3]]
    assert select({**GROUPED, "island_score": "max"}, scores, islands=2).tolist() == [[0, 1]]


@pytest.mark.parametrize("score", ["sum", "max", "top2_sum"])
def test_one_island_is_top_k_and_islands_of_one_are_top_k_too(score: str) -> None:
    scores = probabilities(50, 6)
    flat = select({"kind": "top_k", "k": 2}, scores)
    assert torch.equal(select({**GROUPED, "island_score": score}, scores, islands=1), flat)
    each = {**GROUPED, "island_score": score, "top_islands": 2}
    assert torch.equal(select(each, scores, islands=6), flat)


def test_k_of_a_whole_island_takes_it_whole() -> None:
    selected = select({**GROUPED, "k": 3}, probabilities(30, 12), islands=4)
    assert all(sorted(row) == list(range(min(row), min(row) + 3)) for row in selected.tolist())


def test_top2_sum_counts_the_two_best_of_an_island() -> None:
    scores = torch.tensor([[0.5, 0.0, 0.0, 0.3, 0.3, 0.0]])
    values = {**GROUPED, "island_score": "top2_sum", "k": 1}
    assert select(values, scores, islands=2).tolist() == [[3]]


def test_other_islands_are_shut_also_where_a_bias_is_negative() -> None:
    """With 0 instead of -inf as mask, a shut island would beat one with a negative bias."""
    scores, bias = torch.full((1, 4), 0.1), torch.tensor([-1.0, -1.0, -2.0, -2.0])
    assert select(GROUPED, scores, bias, islands=2).tolist() == [[0, 1]]


def test_closed_experts_are_never_taken_and_a_closed_island_comes_last() -> None:
    scores = torch.tensor([[0.0, 0.0, 0.1, 0.9]])
    shut = torch.tensor([-torch.inf, -torch.inf, 0.0, -5.0])
    for score in ("sum", "max", "top2_sum"):
        assert select({**GROUPED, "island_score": score}, scores, shut, islands=2).tolist() == [[2, 3]]
    shut = torch.tensor([-torch.inf, 0.0, -torch.inf, -torch.inf])
    assert select(GROUPED, scores, shut, islands=2).tolist() == [[1, -1]]


def test_all_takes_all_the_best_first() -> None:
    scores = probabilities(10, 5)
    assert torch.equal(select({"kind": "all"}, scores), scores.argsort(dim=1, descending=True, stable=True))


@pytest.mark.parametrize("unnamed", [0.0, -torch.inf])
def test_a_table_selects_exactly_what_it_names(unnamed: float) -> None:
    logits = torch.tensor([[1.0, unnamed, 1.0], [unnamed, unnamed, 1.0]])
    scores = torch.softmax(logits, 1)
    selected = select({"kind": "table", "per_token": 1}, scores, logits_TE=logits)
    assert selected.tolist() == [[0, 2], [2, -1]]


def second_sent(scores_TE: Tensor, training: bool = True, **passing: object) -> Tensor | None:
    spec = SELECT.parse({"kind": "top_k", "k": 2, "random_second": True})
    assert isinstance(spec, Spec)
    selector = SELECTORS.build(spec, RoutedShape(8, scores_TE.shape[1]))
    selected = scores_TE.argsort(1, descending=True)[:, :2]
    picked = Picked(selected, scores_TE, scores_TE.log())
    return selector.dispatched(picked, context(len(scores_TE), training, **passing))


def test_the_second_is_sent_with_twice_its_weight_and_the_first_always() -> None:
    """GShard: of 20 000 tokens with weights 0.8 and 0.2, four tenths send their second."""
    sent = second_sent(torch.tensor([[0.6, 0.15, 0.25 - 1e-9]]).repeat(20_000, 1)[:, :2])
    assert sent is not None
    assert sent[:, 0].all()
    assert abs(float(sent[:, 1].float().mean()) - 0.4) < 0.015
    even = second_sent(torch.full((500, 2), 0.5))
    assert even is not None
    assert even.all()


def test_the_second_is_always_sent_at_evaluation_and_chance_replays() -> None:
    scores = probabilities(40, 4)
    assert second_sent(scores, training=False) is None
    here, again, there = (second_sent(scores, step=step) for step in (1, 1, 2))
    assert here is not None
    assert torch.equal(here, again)
    assert not torch.equal(here, there)


def test_weights_stay_as_they_are_where_the_second_is_left_out() -> None:
    random, plain = (moe_layer(select={"kind": "top_k", "k": 2, "random_second": on}) for on in (True, False))
    for layer in (random, plain):
        layer.router.score.weight.data *= 50  # so sure that seconds weigh little
    record, whole = routed(random, X)[1].record, routed(plain, X)[1].record
    sent = record.expert_TK >= 0
    assert sent[:, 0].all()
    assert 0 < int(sent[:, 1].sum()) < 21
    assert torch.equal(record.selected_TK, whole.selected_TK)
    assert close(record.weight_TK[sent], whole.weight_TK[sent])


def test_a_second_that_is_not_sent_takes_no_place() -> None:
    """Everyone picks experts 0 and 1, which have room for all: what is not sent is not counted as load."""
    layer = moe_layer(
        select={"kind": "top_k", "k": 2, "random_second": True}, capacity={"train": 1.0, "eval": 1.0}
    )
    layer.router.score.weight.data = torch.tensor(
        [[3.0] + [0.0] * 7, [1.0] + [0.0] * 7, [0.0] * 8, [0.0] * 8]
    )
    x = torch.zeros(1, 20, 8)
    x[..., 0] = 1.0
    record = routed(layer, x)[1].record
    assert record.selected_E.tolist() == [20, 20, 0, 0]
    assert record.counts_E[0] == 10
    assert 0 < int(record.counts_E[1]) < 10
    assert torch.equal(record.counts_E, count(record.expert_TK, 4))


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "top_p", "p": 0.6},
        {"kind": "threshold", "theta": 0.2},
        {"kind": "group_top_k", "k": 2, "top_islands": 1},
        {"kind": "all"},
    ],
    ids=lambda values: str(values["kind"]),
)
def test_no_row_names_an_expert_twice_and_a_token_decides_alone(values: dict[str, object]) -> None:
    scores = probabilities(40, 6)
    whole = select(values, scores, islands=2)
    for row, alone in zip(whole.tolist(), scores.split(1), strict=True):
        named = [e for e in row if e >= 0]
        assert len(set(named)) == len(named)
        assert [e for e in select(values, alone, islands=2)[0].tolist() if e >= 0] == named
