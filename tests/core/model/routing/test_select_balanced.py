"""Selectors that look at the whole batch: experts that choose, balanced assignment, chance.

Expert choice (arXiv 2202.09368), BASE (arXiv 2103.16716), S-BASE (arXiv 2202.01169), THOR (arXiv 2110.04260).
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from core.model.bodies.moe import Moe
from core.model.passing import Pass
from core.model.routing.decision import count
from core.model.routing.select.assign import MOST, assigned, plan
from core.model.routing.select.expert_choice import places
from tests.core.model.routing.test_selectors import probabilities, select
from tests.support import close, gradients, moe_layer, routed

X = torch.randn(3, 7, 8, generator=torch.Generator().manual_seed(5))
RAW = {"weigh": {"kind": "raw"}}


def choice(factor: float = 2.0, **fields: object) -> Moe:
    return moe_layer(select={"kind": "expert_choice", "factor": factor}, **RAW, **fields)


def assign(method: str, **fields: object) -> Moe:
    chosen = {"kind": "assign", "method": method}
    return moe_layer(select=chosen, score_function="sigmoid", **RAW, **fields)


def test_places_are_rounded_and_one_at_least() -> None:
    assert places(2, 8, 1024) == 256  # c = 2 of 8 experts over 1024 tokens
    assert places(1, 8, 20) == 3  # 2.5 rounds up
    assert places(1, 64, 5) == 1
    assert places(4, 4, 7) == 7


@pytest.mark.parametrize("factor", [1.0, 2.0, 1.3])
@pytest.mark.parametrize("training", [True, False])
def test_every_expert_takes_exactly_its_best_tokens(factor: float, training: bool) -> None:
    record = routed(choice(factor).train(training), X)[1].record
    wanted = int(factor * 21 / 4 + 0.5)
    assert record.counts_E.tolist() == [wanted] * 4
    chosen = torch.zeros(21, 5, dtype=torch.bool).scatter(1, record.expert_TK + 1, True)[:, 1:]
    scores = record.probability_TE
    low = scores.masked_fill(~chosen, torch.inf).amin(0)
    assert (low >= scores.masked_fill(chosen, -torch.inf).amax(0)).all()
    assert close(
        record.weight_TK,
        torch.where(record.expert_TK < 0, 0.0, scores.gather(1, record.expert_TK.clamp_min(0))),
    )


def test_a_token_that_no_expert_wants_gets_zero() -> None:
    y, told = routed(choice(1.0), X)
    unserved = (told.record.expert_TK < 0).all(1)
    assert unserved.any()
    assert (y.flatten(0, 1)[unserved] == 0).all()
    assert (y.flatten(0, 1)[~unserved].abs().sum(1) > 0).all()


def test_with_all_tokens_for_all_experts_it_is_the_dense_mixture() -> None:
    every = moe_layer(select={"kind": "all"}, **RAW)
    assert close(routed(choice(4.0), X)[0], routed(every, X)[0])


def test_a_later_token_can_change_what_an_earlier_one_gets() -> None:
    """Why causal stacks refuse it: here the last token takes the first one's place."""
    layer, x = choice(0.5), torch.zeros(1, 6, 8)
    layer.router.score.weight.data = torch.eye(4, 8)
    x[0, 0, 0] = x[0, 1, 1] = x[0, 2, 2] = x[0, 3, 3] = 1.0
    before = routed(layer, x)[0]
    assert (before[0, 0] != 0).any()
    x[0, 5, 0] = 2.0
    after = routed(layer, x)[0]
    assert (after[0, 0] == 0).all()
    assert torch.equal(after[0, 1:5], before[0, 1:5])


def test_a_batch_twice_over_changes_nothing() -> None:
    layer, x = choice(2.0), X[:, :6]  # 18 tokens: nine each, and 18 of the 36
    assert close(routed(layer, torch.cat((x, x)))[0], routed(layer, x)[0].repeat(2, 1, 1))


def test_padding_is_chosen_by_nobody_and_counts_for_no_place() -> None:
    mask = torch.ones(3, 7, dtype=torch.bool)
    mask[:, 5:] = False
    layer, loud = choice(2.0), X.clone()
    loud[:, 5:] *= 100
    y, told = routed(layer, loud, Pass(mask=mask, record="full"))
    assert close(y[:, :5], routed(layer, X[:, :5])[0])
    assert (y[:, 5:] == 0).all()
    assert told.record.counts_E.tolist() == [8] * 4  # round(2 * 15 / 4)
    assert (told.record.expert_TK[~mask.flatten()] < 0).all()


def test_equal_tokens_are_chosen_in_order() -> None:
    selected = select({"kind": "expert_choice", "factor": 1.0}, torch.full((8, 4), 0.25))
    assert [[e for e in row if e >= 0] for row in selected.tolist()] == [[0, 1, 2, 3]] * 2 + [[]] * 6


@pytest.mark.parametrize(("tokens", "experts"), [(12, 4), (21, 4), (5, 8), (8, 8), (3, 2)])
def test_an_assignment_is_balanced_and_of_all_such_the_best(tokens: int, experts: int) -> None:
    value = np.random.default_rng(tokens).normal(size=(tokens, experts))
    found = assigned(value)
    loads = np.bincount(found, minlength=experts)
    assert loads.max() - loads.min() <= (1 if tokens % experts else 0)
    sizes = np.full(experts, tokens // experts)
    best = value[np.arange(tokens), found].sum()
    random = np.random.default_rng(0)
    for _ in range(300):
        more = sizes + np.isin(np.arange(experts), random.permutation(experts)[: tokens % experts])
        other = random.permutation(np.repeat(np.arange(experts), more))
        assert best >= value[np.arange(tokens), other].sum() - 1e-9


def test_an_assignment_is_the_best_of_all_that_there_are() -> None:
    value = np.random.default_rng(3).normal(size=(5, 3))
    balanced = (
        a for a in itertools.product(range(3), repeat=5) if sorted(np.bincount(a, minlength=3)) == [1, 2, 2]
    )
    best = max(value[np.arange(5), list(a)].sum() for a in balanced)
    assert value[np.arange(5), assigned(value)].sum() == pytest.approx(best)


def test_closed_experts_get_no_token_and_the_others_share() -> None:
    value = np.random.default_rng(0).normal(size=(9, 4))
    value[:, 1] = -np.inf
    assert np.bincount(assigned(value), minlength=4).tolist() == [3, 0, 3, 3]
    logits = torch.from_numpy(value).float()
    assert (plan(logits, 8)[:, [0, 2, 3]].isfinite()).all()
    assert not (plan(logits, 8).argmax(1) == 1).any()


def test_scores_of_a_diverged_training_are_assigned_evenly_all_the_same() -> None:
    value_TE = np.random.default_rng(0).normal(size=(12, 3))
    value_TE[4], value_TE[7, 1], value_TE[9, 2] = np.nan, np.inf, np.nan
    chosen = assigned(value_TE)
    assert np.bincount(chosen).tolist() == [4, 4, 4]
    assert chosen[7] == 1
    assert np.bincount(assigned(np.full((6, 3), np.nan))).tolist() == [2, 2, 2]


def test_base_is_balanced_in_training_and_greedy_after() -> None:
    record = routed(assign("base"), X[:, :4])[1].record
    assert record.counts_E.tolist() == [3, 3, 3, 3]
    layer = assign("base").eval()
    record = routed(layer, X)[1].record
    assert torch.equal(record.expert_TK[:, 0], record.probability_TE.argmax(1))
    assert routed(layer, X[:1, :1])[1].record.expert_TK.shape == (1, 1)


def test_a_large_batch_is_assigned_in_parts_and_stays_balanced() -> None:
    scores = probabilities(2 * MOST + 3, 6)
    loads = count(select({"kind": "assign", "method": "base"}, scores), 6)
    assert int(loads.max() - loads.min()) <= 1


def test_a_sinkhorn_plan_has_even_margins_and_its_choice_is_nearly_even() -> None:
    logits = 2 * torch.randn(96, 6, generator=torch.Generator().manual_seed(1)) + torch.arange(6) / 2
    even = plan(logits, 100).exp()
    assert close(even.sum(1), torch.full((96,), 1 / 96))
    assert close(even.sum(0), torch.full((6,), 1 / 6))
    values = {"kind": "assign", "method": "sinkhorn", "iterations": 100}
    scores = torch.softmax(logits, 1)
    loads = count(select(values, scores, logits_TE=logits), 6)
    greedy = count(select(values, scores, logits_TE=logits, training=False), 6)
    assert float(loads.float().std()) < 0.5 * float(greedy.float().std())


def test_sinkhorn_runs_as_often_as_asked() -> None:
    logits = torch.randn(10, 4, generator=torch.Generator().manual_seed(1))
    by_hand = logits.exp()
    for _ in range(3):
        by_hand = by_hand / by_hand.sum(1, keepdim=True) / 10
        by_hand = by_hand / by_hand.sum(0, keepdim=True) / 4
    assert close(plan(logits, 3).exp(), by_hand)


@pytest.mark.parametrize("method", ["base", "sinkhorn"])
def test_weights_are_the_raw_scores_and_train_the_router_through_them_alone(method: str) -> None:
    layer = assign(method)
    y, told = routed(layer, X)
    record = told.record
    logits = X.flatten(0, 1) @ layer.router.score.weight.t()
    assert close(record.weight_TK, torch.sigmoid(logits).gather(1, record.expert_TK))
    y.square().sum().backward()
    found = gradients(layer)["router.score.weight"]
    fixed = moe_layer(select={"kind": "top_k", "k": 1}, score_function="sigmoid", **RAW)
    x_TD = X.flatten(0, 1)
    bank = fixed.experts.members()[0]
    outputs = torch.stack([bank.rows(x_TD, e) for e in range(4)], 1)
    weight = fixed.router.score.weight
    score = torch.sigmoid(x_TD @ weight.t()).gather(1, record.expert_TK)
    chosen = outputs.gather(1, record.expert_TK[..., None].expand(-1, 1, 8))[:, 0]
    (score * chosen).square().sum().backward()
    assert close(found, weight.grad)


@pytest.mark.parametrize("method", ["base", "sinkhorn"])
def test_padding_is_assigned_to_nobody(method: str) -> None:
    mask = torch.ones(3, 7, dtype=torch.bool)
    mask[:, 4:] = False
    layer = assign(method)
    y, told = routed(layer, X, Pass(mask=mask, record="full"))
    assert close(y[:, :4], routed(layer, X[:, :4])[0])
    assert int(told.record.counts_E.sum()) == 12


def drawn(span: str, step: int = 0, training: bool = True) -> Tensor:
    values = {"kind": "sample_one", "train": span, "eval": span}
    return select(values, probabilities(60, 5), training=training, batch=6, step=step)[:, 0].view(6, 10)


@pytest.mark.parametrize("training", [True, False])
def test_one_expert_is_drawn_for_a_batch_an_example_or_a_token(training: bool) -> None:
    several = [drawn("batch", step, training) for step in range(20)]
    assert all(len(set(each.flatten().tolist())) == 1 for each in several)
    assert len({int(each[0, 0]) for each in several}) == 5
    by_example = drawn("example", training=training)
    assert (by_example == by_example[:, :1]).all()
    assert len(set(by_example[:, 0].tolist())) > 1
    assert any(len(set(row)) > 1 for row in drawn("token", training=training).tolist())


def test_training_and_evaluation_draw_for_spans_of_their_own() -> None:
    values = {"kind": "sample_one", "train": "batch", "eval": "token"}
    scores = probabilities(60, 5)
    assert len(set(select(values, scores)[:, 0].tolist())) == 1
    assert len(set(select(values, scores, training=False)[:, 0].tolist())) == 5


def test_every_expert_is_as_likely_as_another_whatever_the_scores() -> None:
    """Frequencies of 20 000 draws lie within five standard errors of 1 / 5."""
    values = {"kind": "sample_one", "train": "token", "eval": "token"}
    loads = count(select(values, probabilities(20_000, 5, sharp=5)), 5)
    assert float((loads / 20_000 - 0.2).abs().max()) < 5 * (0.2 * 0.8 / 20_000) ** 0.5


def test_draws_replay_and_differ_between_steps_and_passes() -> None:
    assert torch.equal(drawn("token", 3), drawn("token", 3))
    assert not torch.equal(drawn("token", 3), drawn("token", 4))
    layer = moe_layer(
        select={"kind": "sample_one", "train": "token", "eval": "token"}, weigh={"kind": "ones"}
    )
    passes = [routed(layer, X, Pass(pass_index=i, record="full"))[1].record.expert_TK for i in (0, 1)]
    assert not torch.equal(*passes)


def test_closed_experts_are_never_drawn() -> None:
    values = {"kind": "sample_one", "train": "token", "eval": "token"}
    shut = torch.tensor([0.0, -torch.inf, 0.0, 0.0, -torch.inf])
    assert set(select(values, probabilities(200, 5), shut)[:, 0].tolist()) == {0, 2, 3}


def test_exactly_one_expert_learns_from_a_batch() -> None:
    layer = moe_layer(select={"kind": "sample_one"}, weigh={"kind": "ones"})
    y, told = routed(layer, X)
    y.square().sum().backward()
    group = layer.experts.members()[0]
    learned = [any(float(p.grad[e].abs().sum()) > 0 for p in group.parameters()) for e in range(4)]
    assert sum(learned) == 1
    assert told.record.counts_E.tolist() == [21 * on for on in learned]
