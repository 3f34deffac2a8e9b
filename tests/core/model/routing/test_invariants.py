"""Single facts about routers: dense limits, what teaches the router, dropped weights, unequal groups."""

import pytest
import torch
from torch import Tensor, nn

from core.model.bodies.moe import Moe
from core.model.execute.reference import reference
from tests.support import close, moe_layer, routed

X = torch.randn(3, 7, 8, generator=torch.Generator().manual_seed(5))


def test_i3_all_experts_selected_is_the_dense_softmax_mixture() -> None:
    layer = moe_layer(select={"kind": "top_k", "k": 4})
    y, _ = routed(layer, X)
    x_TD = X.flatten(0, 1)
    p_TE = torch.softmax(x_TD @ layer.router.score.weight.t(), 1)
    bank = layer.experts.members()[0]
    wanted = sum(p_TE[:, e, None] * bank.rows(x_TD, e) for e in range(4))
    assert close(y.flatten(0, 1), wanted)


def test_i4_a_single_expert_with_normalised_weight_is_that_expert() -> None:
    layer = moe_layer(experts=[{"kind": "mlp", "hidden": 5}], select={"kind": "top_k", "k": 1})
    y, _ = routed(layer, X)
    assert close(y, layer.experts.members()[0].rows(X.flatten(0, 1), 0).view_as(X))


def test_softmax_over_the_selected_logits_is_renormalised_softmax() -> None:
    """The identity behind Mixtral (arXiv 2401.04088)."""
    layer = moe_layer()
    record = routed(layer, X)[1].record
    logits_TE = X.flatten(0, 1) @ layer.router.score.weight.t()
    best = logits_TE.topk(2, 1)
    assert torch.equal(record.expert_TK, best.indices)
    assert close(record.weight_TK, torch.softmax(best.values, 1), 1e-6)


@pytest.mark.parametrize(
    ("function", "weigh", "reaches"),
    [
        ("softmax", "raw", True),
        ("sigmoid", "raw", True),
        ("softmax", "renormalised", False),
        ("sigmoid", "renormalised", False),
        ("softmax", "ones", False),
    ],
)
def test_with_one_expert_only_raw_weights_give_the_router_a_gradient(
    function: str, weigh: str, reaches: bool
) -> None:
    layer = moe_layer(score_function=function, select={"kind": "top_k", "k": 1}, weigh={"kind": weigh})
    routed(layer, X)[0].square().sum().backward()
    slope = layer.router.score.weight.grad
    assert (0.0 if slope is None else float(slope.abs().sum())) > 1e-3 if reaches else _none(slope)


def _none(slope: Tensor | None) -> bool:
    # Rounding leaves a little where mathematics says nothing.
    return slope is None or float(slope.abs().sum()) < 1e-4


def test_weights_of_dropped_choices_go_nowhere() -> None:
    layer = moe_layer(capacity={"train": 0.5, "eval": 0.5})
    y, told = routed(layer, X)
    full, _ = routed(_same_without_capacity(layer), X)
    whole = (told.record.expert_TK >= 0).all(1)
    gone = (told.record.expert_TK < 0).all(1)
    assert whole.any()
    assert gone.any()
    assert close(y.flatten(0, 1)[whole], full.flatten(0, 1)[whole])
    assert (y.flatten(0, 1)[gone] == 0).all()


def _same_without_capacity(layer: Moe) -> Moe:
    other = moe_layer()
    other.load_state_dict(layer.state_dict())
    return other


def test_unequal_groups_are_addressed_in_order() -> None:
    groups = [
        {"kind": "glu", "count": 2, "hidden": 3},
        {"kind": "mlp", "count": 1, "hidden": 7},
        {"kind": "identity", "count": 1},
    ]
    layer = moe_layer(experts=groups, shared=[{"kind": "mlp", "count": 2, "hidden": 3}], shared_gate=True)
    y, told = routed(layer, X)
    x_TD = X.flatten(0, 1)
    weights_TE = torch.zeros(21, 4).scatter(1, told.record.expert_TK, told.record.weight_TK)
    wanted = reference(layer.experts, x_TD, weights_TE, weights_TE > 0)
    shared = layer.shared.members()[0]
    gate = torch.sigmoid(nn.functional.linear(x_TD, layer.shared_gate.weight))
    wanted = wanted + gate * (shared.rows(x_TD, 0) + shared.rows(x_TD, 1))
    assert close(y.flatten(0, 1), wanted)
