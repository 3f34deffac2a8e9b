"""What holds for every token-choice router: I1 to I10 of the list in methods, on three well-known ones."""

import pytest
import torch
from torch import Tensor, nn

from core.model.bodies.moe import Moe
from core.model.execute.reference import reference
from core.model.experts import StackedExperts
from core.model.passing import Pass
from tests.support import close, gradients, moe_layer, routed

ROUTERS = {
    "top-2 softmax renormalised": {"balance": [{"kind": "load_balance"}]},
    "Switch": {
        "select": {"kind": "top_k", "k": 1},
        "weigh": {"kind": "raw"},
        "capacity": {"train": 1.0, "eval": 1.0},
        "balance": [{"kind": "load_balance"}, {"kind": "z_loss"}],
    },
    "DeepSeek-V3": {
        "score_function": "sigmoid",
        "shared": [{"kind": "glu", "hidden": 5}],
        "weigh": {"kind": "renormalised", "scale": 2.5},
        "balance": [
            {"kind": "bias_update"},
            {"kind": "load_balance", "per": "sequence", "coefficient": 1e-4},
        ],
    },
}
every = pytest.mark.parametrize("name", ROUTERS)
dropless = pytest.mark.parametrize("name", ["top-2 softmax renormalised", "DeepSeek-V3"])
X = torch.randn(3, 7, 8, generator=torch.Generator().manual_seed(5))


def layer_of(name: str, **fields: object) -> Moe:
    layer = moe_layer(**{**ROUTERS[name], **fields})
    for balancer in layer.balancers():
        bias = balancer.selection_bias()
        if bias is not None:
            bias.copy_(torch.tensor([0.1, -0.2, 0.0, 0.05]))
    return layer


@every
def test_i1_every_token_selects_k_different_experts(name: str) -> None:
    record = routed(layer_of(name), X)[1].record
    selected = record.selected_TK
    assert selected.shape == (21, ROUTERS[name].get("select", {"k": 2})["k"])
    assert ((selected >= 0) & (selected < 4)).all()
    assert all(len(set(row)) == len(row) for row in selected.tolist())
    assert int(record.selected_E.sum()) == selected.numel()


@every
def test_i2_accepted_are_among_selected_and_within_capacity(name: str) -> None:
    record = routed(layer_of(name), X)[1].record
    kept = record.expert_TK >= 0
    assert torch.equal(record.expert_TK[kept], record.selected_TK[kept])
    room = 6 if name == "Switch" else 21  # ceil(1.0 * 1 * 21 / 4)
    assert torch.equal(record.counts_E, record.selected_E.clamp(max=room))
    assert (record.weight_TK[~kept] == 0).all()


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


@every
def test_i5_permuting_experts_with_their_router_rows_changes_nothing(name: str) -> None:
    layer, order = layer_of(name).eval(), torch.tensor([2, 0, 3, 1])
    y, told = routed(layer, X)
    with torch.no_grad():
        group = layer.experts.members()[0]
        for tensor in (*group.parameters(), layer.router.score.weight):
            tensor.copy_(tensor[order])
        for balancer in layer.balancers():
            bias = balancer.selection_bias()
            if bias is not None:
                bias.copy_(bias[order])
    y_after, told_after = routed(layer, X)
    assert close(y_after, y)
    assert torch.equal(told_after.record.counts_E, told.record.counts_E[order])


@dropless
def test_i6_permuting_tokens_permutes_the_output(name: str) -> None:
    layer, order = layer_of(name), torch.randperm(7, generator=torch.Generator().manual_seed(0))
    assert close(routed(layer, X[:, order])[0], routed(layer, X)[0][:, order])


def test_i6_does_not_hold_under_capacity_where_earlier_tokens_come_first() -> None:
    layer = layer_of("Switch", capacity={"train": 0.5, "eval": 0.5})
    flipped = routed(layer, X.flip(0, 1))[0].flip(0, 1)
    assert not close(flipped, routed(layer, X)[0], 1e-3)


@every
def test_i7_sparse_and_export_equal_reference_in_values_and_gradients(name: str) -> None:
    found = []
    for execution in ("sparse", "export", "reference"):
        layer, x = layer_of(name, execution=execution), X.clone().requires_grad_()
        y, told = routed(layer, x)
        (y.square().sum() + sum(told.losses.values())).backward()
        found.append({"y": y.detach(), "x": x.grad, **gradients(layer)})
    sparse, export, reference = found
    assert all(close(sparse[key], reference[key]) for key in reference)
    assert all(close(export[key], reference[key]) for key in reference)


@every
def test_i8_evaluating_twice_gives_the_same(name: str) -> None:
    layer = layer_of(name, modifiers=[{"kind": "jitter"}, {"kind": "logit_noise"}]).eval()
    assert torch.equal(routed(layer, X, Pass(step=1))[0], routed(layer, X, Pass(step=2))[0])


@every
def test_i9_experts_without_tokens_get_exactly_no_gradient(name: str) -> None:
    layer = layer_of(name)
    with torch.no_grad():
        layer.router.score.weight[3] = 0  # expert 3 gets the logit 0, the others a high one
        layer.router.score.weight[:3] = layer.router.score.weight[:3].abs()
    x = X.abs() + 1
    y, told = routed(layer, x, Pass(record="counts"))
    y.square().sum().backward()
    group = layer.experts.members()[0]
    assert isinstance(group, StackedExperts)
    assert int(told.record.counts_E[3]) == 0
    for parameter in group.parameters():
        for e in range(4):
            used = int(told.record.counts_E[e]) > 0
            assert parameter.grad[e].isfinite().all()
            assert bool(parameter.grad[e].abs().sum() > 0) == used


@every
def test_i10_padding_gets_zero_and_changes_no_other_token_and_no_figure(name: str) -> None:
    layer = layer_of(name)
    mask = torch.ones(3, 7, dtype=torch.bool)
    mask[:, 5:] = False
    y, told = routed(layer, X, Pass(mask=mask, record="full"))
    wanted, wanted_told = routed(layer, X[:, :5])
    assert (y[:, 5:] == 0).all()
    assert close(y[:, :5], wanted)
    assert torch.equal(told.record.counts_E, wanted_told.record.counts_E)
    assert torch.equal(told.record.selected_E, wanted_told.record.selected_E)
    assert told.record.tokens == 15
    assert all(close(told.losses[key], wanted_told.losses[key]) for key in wanted_told.losses)
    y.square().sum().backward()


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
    return slope is None or float(slope.abs().sum()) < 1e-5


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
