"""The uncertain rule: who is broadcast, what they get, and that evaluation never sees it.

GW-MoE (arXiv 2406.12375).
"""

from __future__ import annotations

import pytest
import torch

from core.model.bodies.moe import Moe
from core.model.execute.reference import reference
from core.model.passing import Pass
from core.model.routing.record import RoutingRecord
from tests.support import close, gradients, moe_layer, routed

X = torch.randn(3, 7, 8, generator=torch.Generator().manual_seed(5))
LOSSES = [
    {"kind": "load_balance"},
    {"kind": "z_loss"},
    {"kind": "importance_load_cv"},
    {"kind": "param_penalty"},
]


def layer(threshold: float | None, slots: int | None = None, **fields: object) -> Moe:
    uncertain = None if threshold is None else {"threshold": threshold, "slots": slots}
    made = moe_layer(uncertain=uncertain, **fields)
    made.router.score.weight.data *= 20  # some tokens sure, some not
    return made


def told(of: Moe, passing: Pass | None = None) -> RoutingRecord:
    record = routed(of, X, passing)[1].record
    assert record is not None
    return record


def widened(record: RoutingRecord) -> torch.Tensor:
    return (record.expert_TK >= 0).sum(1) == 4


@pytest.mark.parametrize(("threshold", "slots"), [(1.0, None), (0.0, 0), (0.5, 0)])
def test_where_none_is_uncertain_or_no_slot_free_training_is_that_of_the_base(
    threshold: float, slots: int | None
) -> None:
    base, rule = (routed(layer(*of, balance=LOSSES), X) for of in ((None, None), (threshold, slots)))
    assert torch.equal(rule[0], base[0])
    assert all(torch.equal(rule[1].losses[name], base[1].losses[name]) for name in base[1].losses)


def test_a_threshold_of_zero_is_the_dense_mixture() -> None:
    dense = layer(None, select={"kind": "all"}, weigh={"kind": "raw"})
    assert close(routed(layer(0.0), X)[0], routed(dense, X)[0])


@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0])
def test_evaluation_is_that_of_the_base(threshold: float) -> None:
    assert torch.equal(routed(layer(threshold).eval(), X)[0], routed(layer(None).eval(), X)[0])


def test_uncertain_tokens_get_all_experts_by_raw_scores_and_the_others_what_they_had() -> None:
    of, base = layer(0.5), layer(None)
    record, before = told(of), told(base)
    wide = record.entropy_T >= 0.5 * torch.log(torch.tensor(4.0))
    assert 0 < int(wide.sum()) < 21
    assert torch.equal(widened(record), wide)
    y, y_base = routed(of, X)[0].flatten(0, 1), routed(base, X)[0].flatten(0, 1)
    p_TE = record.probability_TE
    dense = reference(of.experts, X.flatten(0, 1), p_TE, torch.ones_like(p_TE, dtype=torch.bool))
    assert close(y[wide], dense[wide])
    assert close(y[~wide], y_base[~wide])
    assert torch.equal(record.expert_TK[~wide][:, :2], before.expert_TK[~wide])


def test_uncertain_tokens_teach_every_expert_and_sure_ones_only_their_own() -> None:
    of = layer(0.5)
    wide = widened(told(of))
    for rows, teaches_all in ((wide, True), (~wide, False)):
        of.zero_grad()
        index = int(rows.nonzero()[0])
        y, _ = routed(of, X)
        y.flatten(0, 1)[index].square().sum().backward()
        group = of.experts.members()[0]
        taught = [any(bool(p.grad[e].abs().sum() > 0) for p in group.parameters()) for e in range(4)]
        assert all(taught) if teaches_all else sum(taught) == 2


def test_the_first_uncertain_tokens_of_each_example_take_its_slots() -> None:
    free, bound = (widened(told(layer(0.4, slots))).view(3, 7) for slots in (None, 1))
    assert int(free.sum(1).max()) > 1
    assert torch.equal(bound, free & (free.cumsum(1) <= 1))


def test_balancers_see_the_tokens_own_choices() -> None:
    base, rule = (routed(layer(of, balance=LOSSES), X)[1] for of in (None, 0.5))
    assert all(torch.equal(rule.losses[name], base.losses[name]) for name in base.losses)
    assert torch.equal(rule.record.selected_E, base.record.selected_E)


def test_broadcast_tokens_take_no_place_and_are_never_dropped() -> None:
    tight = {"capacity": {"train": 0.5, "eval": 0.5}, "select": {"kind": "top_k", "k": 2}}
    record = told(layer(0.5, **tight))
    wide = widened(record)
    assert torch.equal(wide, widened(told(layer(0.5))))
    sure = record.expert_TK[~wide]
    places = 6  # ceil(0.5 * 2 * 21 / 4)
    loads = torch.bincount(sure[sure >= 0], minlength=4)
    assert int(loads.max()) <= places
    assert torch.equal(record.counts_E, loads + int(wide.sum()))
    wanted = torch.bincount(told(layer(None)).expert_TK[~wide].flatten(), minlength=4)
    assert torch.equal(loads, wanted.clamp(max=places))


def test_an_expert_that_is_switched_off_gets_no_broadcast_token_either() -> None:
    dropped = {"kind": "drop_experts", "unit": "expert", "rate": 0.5, "refresh": 100}
    record = told(layer(0.0, modifiers=[dropped]))
    assert sorted(record.counts_E.tolist()) == [0, 0, 21, 21]
    assert close(record.weight_TK.sum(1), torch.ones(21))


def test_padding_is_not_uncertain_and_takes_no_slot() -> None:
    mask = torch.ones(3, 7, dtype=torch.bool)
    mask[:, :2] = False
    record = told(layer(0.0, slots=2), Pass(mask=mask, record="full"))
    assert torch.equal(widened(record).view(3, 7), mask & (mask.cumsum(1) <= 2))
    assert (record.expert_TK[~mask.flatten()] < 0).all()


def test_the_route_scale_holds_for_broadcast_tokens_too() -> None:
    one, two = (
        told(layer(0.0, weigh={"kind": "renormalised", "scale": scale})).weight_TK for scale in (1.0, 2.5)
    )
    assert close(two, 2.5 * one)
    assert close(one.sum(1), torch.ones(21))


def test_the_router_learns_from_broadcast_tokens() -> None:
    """With one expert and renormalised weights only they can teach it."""
    fields = {"select": {"kind": "top_k", "k": 1}}
    for threshold, learns in ((0.0, True), (None, False)):
        of = layer(threshold, **fields)
        routed(of, X)[0].square().sum().backward()
        assert bool(gradients(of)["router.score.weight"].abs().sum() > 1e-4) == learns
