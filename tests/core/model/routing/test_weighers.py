"""Weighers: sums, shares of the token itself, and one-hot weights with the gradient of soft ones."""

from typing import Any

import pytest
import torch
from torch import Tensor

from core.design.bodies.moe import Moe as MoeSpec
from core.design.spec import Norm
from core.model.bodies.base import Place
from core.model.bodies.moe import Moe
from core.model.initialise import initialise
from core.model.passing import Pass
from core.model.routing.context import RouteContext
from tests.support import close, gradients, moe_layer, routed

X = torch.randn(3, 7, 8, generator=torch.Generator().manual_seed(5))
X_TD = X.flatten(0, 1)
ONE_HOT = {"select": {"kind": "all"}, "weigh": {"kind": "straight_through"}}
MIX = {"select": {"kind": "top_k", "k": 1}, "weigh": {"kind": "identity_mix"}}


def outputs(layer: Moe) -> Tensor:
    """What each expert answers to each token [E, T, D]."""
    bank = layer.experts.members()[0]
    return torch.stack([bank.rows(X_TD, e) for e in range(bank.count)])


def context(training: bool = True) -> RouteContext:
    return RouteContext((3, 7), Pass(), 0, training, True, torch.device("cpu"))


# Mean (SkillNet, arXiv 2203.03312)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_mean_is_the_mean_of_the_selected(k: int) -> None:
    layer = moe_layer(select={"kind": "top_k", "k": k}, weigh={"kind": "mean", "scale": 2.0})
    y, told = routed(layer, X)
    assert close(told.record.weight_TK, torch.full((21, k), 2.0 / k))
    chosen_KTD = outputs(layer)[told.record.expert_TK.t(), torch.arange(21)]
    assert close(y.flatten(0, 1), 2.0 * chosen_KTD.mean(0))


def test_the_mean_of_identical_experts_is_that_expert_however_many_are_selected() -> None:
    layer = moe_layer(select={"kind": "threshold", "theta": 0.25, "min_k": 1}, weigh={"kind": "mean"})
    with torch.no_grad():
        for tensor in layer.experts.members()[0].parameters():
            tensor.copy_(tensor[:1].expand_as(tensor))
    y, told = routed(layer, X)
    sizes = (told.record.selected_TK >= 0).sum(1)
    assert sizes.min() < sizes.max()
    assert close(y.flatten(0, 1), outputs(layer)[0])
    assert close(told.record.weight_TK.sum(1), torch.ones(21))


# Identity mix (MoEC, arXiv 2207.09094)


def test_the_expert_is_mixed_with_the_token_by_the_sigmoid_of_its_logit() -> None:
    layer = moe_layer(score={"kind": "cosine", "dim": 5}, **MIX)
    y, told = routed(layer, X)
    logits_TE = layer.router(X_TD, context()).logits_GE
    best_T = logits_TE.argmax(1)
    assert torch.equal(told.record.expert_TK[:, 0], best_T)
    alpha_T1 = torch.sigmoid(logits_TE.amax(1, keepdim=True))
    f_TD = outputs(layer)[best_T, torch.arange(21)]
    assert close(y.flatten(0, 1), alpha_T1 * f_TD + (1 - alpha_T1) * X_TD)
    y.square().sum().backward()
    assert float(layer.router.score.centroids.grad.abs().sum()) > 0


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_a_fixed_share_mixes_all_tokens_alike(alpha: float) -> None:
    layer = moe_layer(weigh={"kind": "identity_mix", "alpha": alpha})
    plain = routed(moe_layer(), X)[0]
    assert close(routed(layer, X)[0], alpha * plain + (1 - alpha) * X)


def test_several_experts_share_alpha_by_their_scores() -> None:
    layer = moe_layer(weigh={"kind": "identity_mix"})
    y, told = routed(layer, X)
    alpha_T = torch.sigmoid(layer.router(X_TD, context()).logits_GE.amax(1))
    assert close(told.record.weight_TK.sum(1), alpha_T)
    plain = routed(moe_layer(), X)[0].flatten(0, 1)
    assert close(y.flatten(0, 1), alpha_T[:, None] * plain + (1 - alpha_T[:, None]) * X_TD)


def test_padding_gets_nothing_not_even_itself() -> None:
    layer, mask = moe_layer(**MIX), torch.ones(3, 7, dtype=torch.bool)
    mask[:, 5:] = False
    y, _ = routed(layer, X, Pass(mask=mask))
    assert (y[:, 5:] == 0).all()
    assert close(y[:, :5], routed(layer, X[:, :5])[0])
    y.square().sum().backward()
    assert all(slope.isfinite().all() for slope in gradients(layer).values())


# Straight through (task-level MoE, arXiv 2205.12701)


def test_forward_is_exactly_the_best_expert_and_all_are_computed_in_training() -> None:
    layer = moe_layer(**ONE_HOT)
    y, told = routed(layer, X)
    best_T = layer.router(X_TD, context()).scores_GE.argmax(1)
    weights_TE = torch.zeros(21, 4).scatter(1, told.record.expert_TK, told.record.weight_TK)
    assert torch.equal(weights_TE, torch.nn.functional.one_hot(best_T, 4).float())
    assert close(y.flatten(0, 1), outputs(layer)[best_T, torch.arange(21)], 1e-6)
    assert told.record.counts_E.tolist() == [21] * 4


def test_outside_training_only_the_best_runs_and_says_the_same() -> None:
    layer = moe_layer(**ONE_HOT)
    y, _ = routed(layer, X)
    still, told = routed(layer.eval(), X)
    assert close(still, y, 1e-6)
    assert told.record.expert_TK.shape == (21, 1)
    assert (told.record.weight_TK == 1).all()
    assert int(told.record.counts_E.sum()) == 21


def test_noise_chooses_in_training_and_the_arg_max_after() -> None:
    noisy = {**ONE_HOT, "modifiers": [{"kind": "gumbel"}, {"kind": "temperature", "value": 0.5}]}
    layer = moe_layer(**noisy)
    scored = layer.router(X_TD, context())
    wanted = outputs(layer)[scored.logits_GE.argmax(1), torch.arange(21)]
    assert not torch.equal(scored.logits_GE.argmax(1), scored.raw_GE.argmax(1))
    assert close(routed(layer, X)[0].flatten(0, 1), wanted, 1e-6)
    after = routed(layer.eval(), X)[1].record.expert_TK[:, 0]
    assert torch.equal(after, scored.raw_GE.argmax(1))


@pytest.mark.parametrize("execution", ["sparse", "reference", "export"])
def test_the_gradient_of_a_score_is_what_its_expert_would_have_answered(execution: str) -> None:
    layer = moe_layer(execution=execution, **ONE_HOT)
    y, _ = routed(layer, X)
    (y.flatten(0, 1) * torch.arange(8.0)).sum().backward()
    found = gradients(layer)
    # By hand: the router learns as if the mixture were soft, experts as if it were hard.
    weight_ED = layer.router.score.weight.detach().clone().requires_grad_()
    p_TE = torch.softmax(X_TD @ weight_ED.t(), 1)
    answers_ET = (outputs(layer).detach() * torch.arange(8.0)).sum(2)
    (p_TE * answers_ET.t()).sum().backward()
    assert close(found["router.score.weight"], weight_ED.grad)
    used = set(p_TE.argmax(1).tolist())
    (into,) = [value for name, value in found.items() if "gate_up" in name]
    assert all(bool(into[e].abs().sum() > 0) == (e in used) for e in range(4))


def test_of_equal_scores_the_lowest_expert_counts() -> None:
    layer = moe_layer(**ONE_HOT)
    torch.nn.init.zeros_(layer.router.score.weight)
    record = routed(layer.eval(), X)[1].record
    assert (record.expert_TK == 0).all()


def test_padding_stays_out_of_one_hot_choices() -> None:
    layer, mask = moe_layer(**ONE_HOT), torch.ones(3, 7, dtype=torch.bool)
    mask[:, 5:] = False
    for training in (True, False):
        y, told = routed(layer.train(training), X, Pass(mask=mask, record="full"))
        assert (y[:, 5:] == 0).all()
        assert int(told.record.counts_E.sum()) == (60 if training else 15)


# A whole task decides at once (arXiv 2205.12701)


def by_task(weigh: str, **router: Any) -> Moe:
    spec = {
        "kind": "moe",
        "experts": [{"kind": "glu", "count": 4, "hidden": 6}],
        "router": {
            "scope": "task",
            "condition": {"kind": "task_embedding", "dim": 5, "hidden": 6},
            "score": {"kind": "given"},
            "select": {"kind": "all"},
            "weigh": {"kind": weigh},
            "combine": {"kind": "output_mix"},
            **router,
        },
    }
    layer = Moe(MoeSpec.model_validate(spec), Place(8, Norm(), "auto", 0, ("a", "b")))
    initialise(layer, 0, 1)
    return layer


TASKS = torch.tensor([0, 1, 0])


def test_all_tokens_of_a_task_go_the_same_way_and_the_embedding_learns() -> None:
    layer = by_task("straight_through", modifiers=[{"kind": "gumbel"}])
    y, told = routed(layer, X, Pass(task_id=TASKS, record="full"))
    p_BSE = told.record.probability_TE.view(3, 7, 4)
    assert torch.equal(p_BSE[0], p_BSE[2])
    assert torch.equal(p_BSE[1], p_BSE[1, :1].expand(7, 4))
    assert not torch.equal(p_BSE[0], p_BSE[1])
    y.square().sum().backward()
    slopes = gradients(layer.router)
    assert all(float(slope.abs().sum()) > 0 for slope in slopes.values())


def test_averaging_all_copies_is_the_mean_of_their_outputs() -> None:
    layer = by_task("mean")
    y, _ = routed(layer, X, Pass(task_id=TASKS))
    assert close(y.flatten(0, 1), outputs(layer).mean(0))
