"""Balancers: known minima and maxima, worked numbers, the bias that only steers.

Load balance of Switch (arXiv 2101.03961), z-loss of ST-MoE (arXiv 2202.08906), importance and load of noisy
top-k (arXiv 1701.06538), the bias of loss-free balancing (arXiv 2408.15664) and DeepSeek-V3.
"""

import pytest
import torch
from torch import Tensor

from core.design.routing.balance.importance_load_cv import ImportanceLoadCV as ImportanceLoadCVSpec
from core.design.routing.balance.load_balance import LoadBalance as LoadBalanceSpec
from core.design.routing.balance.z_loss import ZLoss as ZLossSpec
from core.model.passing import Pass
from core.model.routing.balance.bias_update import BiasUpdate
from core.model.routing.balance.importance_load_cv import ImportanceLoadCV, smooth_load, squared_variation
from core.model.routing.balance.load_balance import LoadBalance
from core.model.routing.balance.z_loss import ZLoss
from core.model.routing.context import RouteContext
from core.model.routing.decision import Hard
from core.model.routing.shape import RoutedShape
from tests.support import close, gradients, moe_layer, routed

X = torch.randn(3, 7, 8, generator=torch.Generator().manual_seed(5))


def decided(scores_TE: Tensor, k: int, logits_TE: Tensor | None = None) -> Hard:
    selected_TK = scores_TE.argsort(dim=1, descending=True, stable=True)[:, :k]
    logits_TE = scores_TE.log() if logits_TE is None else logits_TE
    kept, weight = torch.ones_like(selected_TK, dtype=torch.bool), scores_TE.gather(1, selected_TK)
    return Hard(logits_TE, scores_TE, scores_TE, selected_TK, kept, weight)


def context(batch: int, tokens: int, mask: Tensor | None = None) -> RouteContext:
    return RouteContext((batch, tokens), Pass(mask=mask), 0, True, True, torch.device("cpu"))


def balance(islands: int = 1, experts: int = 4, **fields: object) -> LoadBalance:
    spec = LoadBalanceSpec.model_validate({"kind": "load_balance", "coefficient": 1.0, **fields})
    return LoadBalance(spec, RoutedShape(8, experts, islands))


@pytest.mark.parametrize("per", ["batch", "sequence", "island"])
def test_uniform_use_has_the_minimum_of_one(per: str) -> None:
    scores = torch.eye(4).repeat(2, 1) * 1e-6 + 0.25
    assert close(balance(per=per, islands=2).loss(decided(scores, 1), context(2, 4)), torch.tensor(1.0))


def test_collapse_has_the_maximum_of_experts_over_k() -> None:
    one = torch.tensor([[1.0, 0.0, 0.0, 0.0]]).repeat(6, 1)
    two = torch.tensor([[0.5, 0.5, 0.0, 0.0]]).repeat(6, 1)
    assert float(balance().loss(decided(one, 1), context(2, 3))) == pytest.approx(4)
    assert float(balance().loss(decided(two, 2), context(2, 3))) == pytest.approx(2)


def test_one_island_is_a_constant_and_an_island_each_is_the_plain_loss() -> None:
    scores = torch.softmax(torch.randn(10, 4), 1).requires_grad_()
    decision = decided(scores, 2)
    whole = balance(per="island", islands=1).loss(decision, context(2, 5))
    assert whole.item() == pytest.approx(1)
    (slope,) = torch.autograd.grad(whole, scores, retain_graph=True)
    assert float((slope - slope.mean(1, keepdim=True)).abs().max()) < 1e-6  # nothing moves between experts
    each = balance(per="island", islands=4).loss(decision, context(2, 5))
    assert close(each, balance().loss(decision, context(2, 5)))


def test_per_sequence_is_the_mean_of_the_losses_of_the_examples() -> None:
    scores = torch.softmax(torch.randn(12, 4), 1)
    each = [balance().loss(decided(scores[i : i + 6], 2), context(1, 6)) for i in (0, 6)]
    found = balance(per="sequence").loss(decided(scores, 2), context(2, 6))
    assert close(found, torch.stack(each).mean())


def test_first_choices_only() -> None:
    scores = torch.softmax(torch.randn(12, 4), 1)
    first, plain = balance(choices="first"), balance()
    assert close(first.loss(decided(scores, 3), context(2, 6)), plain.loss(decided(scores, 1), context(2, 6)))


def test_shares_carry_no_gradient_and_mean_scores_do() -> None:
    logits = torch.randn(8, 4, requires_grad=True)
    decision = decided(torch.softmax(logits, 1), 2)
    balance().loss(decision, context(2, 4)).backward()
    f_E = decision.selected_E / 16
    again = logits.detach().requires_grad_()
    (4 * (f_E * torch.softmax(again, 1).mean(0)).sum()).backward()
    assert close(logits.grad, again.grad)


def test_z_loss_is_the_mean_squared_log_sum_exp() -> None:
    logits = torch.randn(6, 4)
    decision = decided(torch.softmax(logits, 1), 1, logits)
    loss = ZLoss(ZLossSpec(kind="z_loss", coefficient=0.5), RoutedShape(8, 4)).loss(decision, context(2, 3))
    assert close(loss, 0.5 * logits.logsumexp(1).square().mean())


def test_variation_is_zero_when_equal_and_known_when_not() -> None:
    assert float(squared_variation(torch.full((4,), 3.0))) == 0
    assert float(squared_variation(torch.tensor([1.0]))) == 0
    assert float(squared_variation(torch.tensor([1.0, 3.0]))) == pytest.approx(0.25)


def test_smooth_load_is_the_expected_load_under_new_noise() -> None:
    random = torch.Generator().manual_seed(0)
    clean, sigma, k = torch.randn(4, 5, generator=random), 0.7, 2
    noise = sigma * torch.randn(4, 5, generator=random)
    decision = decided(torch.softmax(clean + noise, 1), k, clean)
    decision = Hard(
        clean,
        decision.scores_TE,
        decision.scores_TE,
        decision.selected_TK,
        decision.accepted_TK,
        decision.weight_TK,
        clean + noise,
        sigma,
    )
    # Expert e alone draws its noise again; the others keep theirs.
    draws = 20_000
    wanted = torch.zeros(5)
    for e in range(5):
        again = (clean + noise).repeat(draws, 1, 1)
        again[:, :, e] = clean[:, e] + sigma * torch.randn(draws, 4, generator=random)
        wanted[e] = (again.topk(k, 2).indices == e).any(2).float().mean(0).sum()
    assert close(smooth_load(decision, context(2, 2)), wanted, 0.02)


def test_without_noise_only_importance_counts_and_with_noise_the_load_has_a_gradient() -> None:
    spec = ImportanceLoadCVSpec(kind="importance_load_cv", importance=1.0, load=1.0)
    scores = torch.tensor([[0.7, 0.3], [0.6, 0.4]])
    found = ImportanceLoadCV(spec, RoutedShape(8, 2)).loss(decided(scores, 2), context(1, 2))
    assert float(found) == pytest.approx((0.3 / 1.0) ** 2)
    only_load = [{"kind": "importance_load_cv", "importance": 0.0, "load": 1.0}]
    layer = moe_layer(balance=only_load, modifiers=[{"kind": "logit_noise"}])
    routed(layer, X)[1].losses["importance_load_cv"].backward()
    assert float(layer.router.score.weight.grad.abs().sum()) > 0


def test_the_bias_steers_selection_and_nothing_else() -> None:
    layer = moe_layer(score_function="sigmoid", balance=[{"kind": "bias_update", "step": 0.01}])
    (balancer,) = layer.balancers()
    assert isinstance(balancer, BiasUpdate)
    plain, plain_told = routed(layer, X)
    balancer.bias += 0.3
    assert torch.equal(routed(layer, X)[0], plain)  # a constant for all experts changes nothing
    balancer.bias[:] = torch.tensor([5.0, 0.0, 0.0, 0.0])
    told = routed(layer, X)[1]
    assert int(told.record.selected_E[0]) == 21
    x_TD, row = X.flatten(0, 1), told.record.expert_TK
    score_TK = torch.sigmoid(x_TD @ layer.router.score.weight.t()).gather(1, row)
    assert close(told.record.weight_TK, score_TK / score_TK.sum(1, keepdim=True))
    assert "balance.0.bias" in layer.state_dict()
    assert not any(name.startswith("balance") for name in gradients(layer))
    assert plain_told.losses == {}


def test_after_a_step_the_bias_moves_by_the_step_against_the_load() -> None:
    layer = moe_layer(balance=[{"kind": "bias_update", "step": 0.01}])
    (balancer,) = layer.balancers()
    assert isinstance(balancer, BiasUpdate)
    balancer.after_step(torch.tensor([4, 2, 1, 1]))
    assert close(balancer.bias, torch.tensor([-0.01, 0.0, 0.01, 0.01]))
    before = balancer.bias.clone()
    routed(layer, X)[0].sum().backward()  # forward and backward alone leave it
    assert torch.equal(balancer.bias, before)


def test_a_missing_record_is_named() -> None:
    layer = moe_layer(balance=[{"kind": "bias_update"}])
    with pytest.raises(ValueError, match="record is missing"):
        layer.after_step(None)
    moe_layer().after_step(None)  # without a bias none is needed
