"""I2 and I5 to I10 for methods in which tokens do not choose, and exact facts of single papers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional as F

from core.design.bodies.moe import Moe as MoeSpec
from core.design.presets.methods import METHODS
from core.model.bodies.moe import Moe
from core.model.passing import Pass
from tests.core.model.routing.test_invariants_methods import (
    CHOOSING,
    B,
    S,
    X,
    changed,
    layer_of,
    of_experts,
    passed,
    spec_of,
    told,
)
from tests.support import close, gradients, moe_layer, routed

DOMAIN_B = torch.tensor([0, 1, 0])
OTHERS = [m.name for m in METHODS if m.name not in CHOOSING]
HARD = [name for name in OTHERS if spec_of(name).router.combine.selects]
#: What nothing is drawn for.
LASTING = [name for name in OTHERS if not spec_of(name).router.select.drawn]
hard = pytest.mark.parametrize("name", HARD)
lasting = pytest.mark.parametrize("name", LASTING)


def circumstances(**more: Any) -> Pass:
    return passed(domain=DOMAIN_B, domains=2, **more)


def built(name: str, execution: str = "auto", training: bool = False) -> Moe:
    """The method; token ids are not known here, so that tables hash states or domains."""
    spec = spec_of(name)
    if getattr(spec.router.score, "source", "") == "token":
        spec = changed(name, score={"kind": "table", "source": "lsh"})
    return layer_of(spec, execution, training)


def test_the_others_are_all_here() -> None:
    soft = {"soft-moe", "smear"}
    assert set(OTHERS) - set(HARD) == soft
    assert {"expert-choice", "base", "sinkhorn", "hash", "thor", "skillnet", "task-level"} <= set(HARD)
    assert set(OTHERS) - set(LASTING) == {"thor", "random"}


@hard
@pytest.mark.parametrize("training", [True, False])
def test_i2_nothing_is_accepted_that_was_not_selected_and_nothing_dropped(name: str, training: bool) -> None:
    record = told(built(name, training=training), X, circumstances())
    assert record.expert_TK is not None
    assert record.selected_TK is not None
    assert torch.equal(record.expert_TK, record.selected_TK)
    assert torch.equal(record.counts_E, record.selected_E)
    for row in record.selected_TK.tolist():
        named = [e for e in row if e >= 0]
        assert len(set(named)) == len(named)


@pytest.mark.parametrize("name", ["expert-choice", "base", "sinkhorn", "smear", "all-experts", "task-level"])
def test_i5_experts_may_change_places(name: str) -> None:
    layer, order = built(name), torch.tensor([3, 5, 0, 1, 4, 2])
    y = routed(layer, X, circumstances())[0]
    (group,) = layer.experts.members()
    with torch.no_grad():
        for tensor in group.parameters():
            tensor.copy_(tensor[order])
        for tensor in of_experts(layer, 6):
            tensor.copy_(tensor.index_select(list(tensor.shape).index(6), order))
    assert close(routed(layer, X, circumstances())[0], y)


@lasting
def test_i6_permuting_tokens_of_examples_permutes_the_output(name: str) -> None:
    """Whoever looks at a whole batch looks at it without an order."""
    layer, order = built(name), torch.randperm(S, generator=torch.Generator().manual_seed(0))
    y = routed(layer, X, circumstances())[0]
    assert close(routed(layer, X[:, order], circumstances())[0], y[:, order])


@hard
@pytest.mark.parametrize("training", [True, False])
def test_i7_sparse_and_export_equal_reference_in_values_and_gradients(name: str, training: bool) -> None:
    found = []
    for execution in ("sparse", "export", "reference"):
        layer, x = built(name, execution, training), X.clone().requires_grad_()
        y, _ = routed(layer, x, circumstances())
        y.square().sum().backward()
        assert x.grad is not None
        found.append({"y": y.detach(), "x": x.grad, **gradients(layer)})
    sparse, export, reference = found
    assert all(close(sparse[key], reference[key]) for key in reference)
    assert all(close(export[key], reference[key]) for key in reference)


@lasting
def test_i8_evaluating_twice_gives_the_same(name: str) -> None:
    layer = built(name)
    first, second = (routed(layer, X, circumstances(step=step))[0] for step in (1, 2))
    assert torch.equal(first, second)


@hard
def test_i9_experts_without_tokens_get_exactly_no_gradient_and_the_others_some(name: str) -> None:
    layer = built(name)
    y, known = routed(layer, X, circumstances())
    y.square().sum().backward()
    assert known.record is not None
    for first, group in zip(layer.experts.starts, layer.experts.members(), strict=True):
        for e in range(group.count):
            slopes = [p.grad[e] for p in group.parameters() if p.grad is not None]
            assert all(slope.isfinite().all() for slope in slopes)
            used = int(known.record.counts_E[first + e]) > 0
            assert any(bool(slope.abs().sum() > 0) for slope in slopes) == used


@lasting
@pytest.mark.parametrize("training", [True, False])
def test_i10_padding_gets_zero_and_changes_no_other_token_and_no_figure(name: str, training: bool) -> None:
    layer = built(name, training=training)
    mask = torch.ones(B, S, dtype=torch.bool)
    mask[:, 5:] = False
    y, known = routed(layer, X, circumstances(mask=mask))
    wanted, wanted_known = routed(layer, X[:, :5], circumstances())
    record, plain = known.record, wanted_known.record
    assert record is not None
    assert plain is not None
    assert (y[:, 5:] == 0).all()
    assert close(y[:, :5], wanted)
    assert record.tokens == plain.tokens == 15
    assert (record.counts_E is None) == (plain.counts_E is None)
    if plain.counts_E is not None:
        assert torch.equal(record.counts_E, plain.counts_E)


@pytest.mark.parametrize("name", ["base", "sinkhorn"])
def test_a_single_token_is_assigned_outside_training_to_its_best_expert(name: str) -> None:
    layer = built(name)
    record = told(layer, X[:1, :1], Pass(record="full"))
    assert torch.equal(record.expert_TK[:, 0], record.probability_TE.argmax(1))


def test_smear_s_merged_expert_under_even_shares_is_the_mean_of_all_parameters() -> None:
    """arXiv 2306.03745: which is another one than the mean of their answers."""
    layer = built("smear")
    with torch.no_grad():
        for parameter in layer.router.parameters():
            parameter.zero_()
    record = told(layer)
    assert close(record.probability_TE, torch.full((B * S, 6), 1 / 6))
    x_TD, (group,) = X.flatten(0, 1), layer.experts.members()
    answers = torch.stack([group.rows(x_TD, e) for e in range(6)]).mean(0)
    y_TD = routed(layer, X)[0].flatten(0, 1)
    with torch.no_grad():
        for parameter in group.parameters():
            parameter[0] = parameter.mean(0)
    assert close(y_TD, group.rows(x_TD, 0))
    assert not close(y_TD, answers, 1e-3)


def test_thor_s_ensemble_is_the_mean_of_all_experts_and_draws_nothing() -> None:
    """arXiv 2110.04260: the deterministic way to answer, over the same parameters."""
    drawn = built("thor")
    ensemble = layer_of(changed("thor", select={"kind": "all"}, weigh={"kind": "mean"}))
    ensemble.load_state_dict(drawn.state_dict())
    (group,) = ensemble.experts.members()
    wanted = torch.stack([group.rows(X.flatten(0, 1), e) for e in range(group.count)]).mean(0)
    for step in (0, 5):
        assert close(routed(ensemble, X, circumstances(step=step))[0].flatten(0, 1), wanted)


def test_aoe_with_a_factor_that_changes_nothing_is_the_gated_expert_and_all_scores_tie() -> None:
    """arXiv 2501.13074: rank D and the identity as first factor."""
    D, E, H = 8, 4, 6
    low = {"kind": "glu_lowrank", "count": E, "hidden": H, "rank": D}
    layer = moe_layer(experts=[low], score={"kind": "expert_norm"}, weigh={"kind": "raw"})
    plain = moe_layer(experts=[{"kind": "glu", "count": E, "hidden": H}])
    (own,), (gated,) = layer.experts.members(), plain.experts.members()
    with torch.no_grad():
        own.gate_a_ERD[:] = torch.eye(D)
        gated.gate_up_EHD.copy_(torch.cat([own.gate_b_EHR, own.up_EHD], 1))
        gated.down_EDH.copy_(own.down_EDH)
    x_TD = torch.randn(9, D, generator=torch.Generator().manual_seed(2))
    for e in range(E):
        assert close(own.rows(x_TD, e), gated.rows(x_TD, e), 1e-6)
    _, known = routed(layer, x_TD[None])
    assert known.record is not None
    assert close(known.record.probability_TE, torch.full((9, E), 1 / E), 1e-6)
    assert known.record.expert_TK.tolist() == [[0, 1]] * 9


@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_deepseek_v3_s_weights_sum_to_the_route_scale(scale: float) -> None:
    """arXiv 2412.19437: sigmoid scores of the chosen, normalised, without the bias that chose them."""
    layer = layer_of(changed("deepseek-v3", weigh={"kind": "renormalised", "scale": scale}))
    record = told(layer)
    assert record.weight_TK is not None
    assert close(record.weight_TK.sum(1), torch.full((B * S,), scale))


def test_m3vit_s_weights_are_probabilities_that_are_not_made_to_sum_to_one() -> None:
    """arXiv 2210.14793."""
    record = told(layer_of(spec_of("m3vit")))
    assert record.weight_TK is not None
    total_T = record.weight_TK.sum(1)
    assert (total_T < 1).all()
    assert close(record.weight_TK, record.probability_TE.gather(1, record.expert_TK), 1e-6)


def test_a_token_with_one_expert_teaches_a_top_p_router_too() -> None:
    """arXiv 2403.07652: raw probabilities weigh, also where one is enough."""
    layer = layer_of(changed("top-p", select={"kind": "top_p", "p": 0.01}), training=True)
    y, known = routed(layer, X, passed())
    assert known.record is not None
    assert int(known.record.selected_E.sum()) == B * S
    y.square().sum().backward()
    assert float(layer.router.score.weight.grad.abs().sum()) > 1e-3


def test_deepseek_moe_without_shared_experts_is_top_k_by_raw_probabilities_without_places() -> None:
    """arXiv 2401.06066, at one part an expert and none shared."""
    plain = {"experts": [{"kind": "glu", "count": 6, "hidden": 5}], "weigh": {"kind": "raw"}}
    layer = moe_layer(**plain)
    written = changed("deepseek-moe", select={"kind": "top_k", "k": 2}).router
    assert (written.weigh.kind, written.capacity, written.score_function) == ("raw", None, "softmax")
    x_TD = X[..., :8].flatten(0, 1)
    p_TE = torch.softmax(F.linear(x_TD, layer.router.score.weight), 1)
    best = p_TE.topk(2, 1)
    (group,) = layer.experts.members()
    every_ETD = torch.stack([group.rows(x_TD, e) for e in range(6)])
    token_T = torch.arange(B * S)
    wanted = sum(best.values[:, k, None] * every_ETD[best.indices[:, k], token_T] for k in range(2))
    assert close(routed(layer, X[..., :8])[0].flatten(0, 1), wanted)


def test_shared_experts_are_in_no_figure_of_balance_and_every_token_teaches_them() -> None:
    """arXiv 2401.06066: they have no score, so neither loads nor losses nor probabilities know them."""
    balance = [{"kind": "load_balance"}, {"kind": "z_loss"}, {"kind": "importance_load_cv"}]
    shared = [{"kind": "glu", "count": 2, "hidden": 6}]
    alone, beside = moe_layer(balance=balance), moe_layer(balance=balance, shared=shared)
    beside.load_state_dict(alone.state_dict(), strict=False)
    x = X[..., :8].clone()
    (_, one), (y, other) = routed(alone, x), routed(beside, x)
    assert one.record is not None
    assert other.record is not None
    assert one.losses.keys() == other.losses.keys()
    assert all(torch.equal(one.losses[name], other.losses[name]) for name in one.losses)
    assert torch.equal(one.record.selected_E, other.record.selected_E)
    assert torch.equal(one.record.probability_TE, other.record.probability_TE)
    assert close(other.record.probability_TE.sum(1), torch.ones(B * S))
    assert beside.shared is not None
    (tensor, *_) = beside.shared.parameters()
    for y_D in y.flatten(0, 1):
        (slope,) = torch.autograd.grad(y_D.sum(), tensor, retain_graph=True)
        assert (slope.flatten(1).abs().sum(1) > 0).all()


@pytest.mark.parametrize(
    "bends",
    [
        {"modifiers": [{"kind": "logit_noise", "sigma": 3.0}]},
        {"modifiers": [{"kind": "temperature", "value": 0.2}]},
    ],
)
def test_the_z_loss_reads_logits_before_noise_and_temperature(bends: dict[str, Any]) -> None:
    balance = [{"kind": "z_loss", "coefficient": 1.0}]
    plain, bent = moe_layer(balance=balance), moe_layer(balance=balance, **bends)
    bent.load_state_dict(plain.state_dict())
    x = X[..., :8]
    (_, one), (_, other) = routed(plain, x), routed(bent, x)
    logits_TE = F.linear(x.flatten(0, 1), plain.router.score.weight)
    assert close(one.losses["z_loss"], logits_TE.logsumexp(1).square().mean())
    assert close(other.losses["z_loss"], one.losses["z_loss"])


def test_an_expert_s_output_does_not_depend_on_how_wide_the_others_are() -> None:
    """HMoE, arXiv 2408.10681: no parameter pads an expert, and none is counted that is not there."""
    widths = (3, 5, 9, 7)
    groups = [{"kind": "glu", "hidden": width} for width in widths]
    layer = moe_layer(experts=groups)
    assert sum(p.numel() for p in layer.experts.parameters()) == sum(3 * 8 * width for width in widths)
    assert MoeSpec.model_validate(
        {**changed("hmoe").model_dump(mode="json"), "experts": groups, "islands": 1}
    ).widths() == (*widths,)
    alone = moe_layer(experts=[groups[2]], select={"kind": "top_k", "k": 1})
    with torch.no_grad():
        for own, same in zip(
            alone.experts.parameters(), layer.experts.members()[2].parameters(), strict=True
        ):
            own.copy_(same)
        layer.router.score.weight.zero_()
        layer.router.score.weight[2] = 100 * X[0, 0, :8]
    x = X[:1, :1, :8]
    weighed = moe_layer(experts=groups, select={"kind": "top_k", "k": 1}, weigh={"kind": "ones"})
    weighed.load_state_dict(layer.state_dict())
    assert torch.equal(routed(weighed, x)[1].record.expert_TK, torch.tensor([[2]]))
    assert close(routed(weighed, x)[0], routed(alone, x)[0], 1e-6)
