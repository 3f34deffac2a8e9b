"""Scores: what each computes, its noise, what it leaves alone, and which of them can be told from a scale."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from core.design.plan import Optimizer
from core.design.spec import Design
from core.model.build import build
from core.model.passing import Pass
from core.model.routing.balance.importance_load_cv import smooth_load
from core.model.routing.context import RouteContext
from core.model.routing.decision import Hard
from core.model.routing.score.activation_linear import ACTIVATIONS
from core.model.routing.score.noisy_linear import FLOOR
from core.train.optimizer import make_optimizer
from tests.support import close, gradients, loss_of, moe_layer, routed

X = torch.randn(3, 7, 8, generator=torch.Generator().manual_seed(5))
X_TD = X.flatten(0, 1)
NOISY = {"score": {"kind": "noisy_linear"}}


def context(training: bool = True, passing: Pass | None = None) -> RouteContext:
    return RouteContext((3, 7), passing or Pass(), 0, training, True, torch.device("cpu"))


def logits_of(score: dict[str, object], **fields: object) -> Tensor:
    layer = moe_layer(score=score, **fields).eval()
    return layer.router(X_TD, context(training=False)).logits_GE


# Noisy top-k (arXiv 1701.06538)


def test_noisy_linear_adds_what_each_token_asks_for_and_only_in_training() -> None:
    layer = moe_layer(**NOISY)
    score = layer.router.score
    with torch.no_grad():
        score.noise.normal_(generator=torch.Generator().manual_seed(1))
    wanted_TE = F.softplus(X_TD @ score.noise.t()) + FLOOR
    scored = layer.router(X_TD, context())
    assert close(scored.deviation, wanted_TE)
    assert close(scored.raw_GE, X_TD @ score.weight.t())
    drawn = [
        layer.router(X_TD, context(passing=Pass(step=step))).noisy_GE - scored.raw_GE for step in range(600)
    ]
    assert close(torch.stack(drawn).std(0) / wanted_TE, torch.ones(21, 4), 0.15)
    layer.eval()
    still = layer.router(X_TD, context(training=False))
    assert still.noisy_GE is None
    assert torch.equal(routed(layer, X, Pass(step=1))[0], routed(layer, X, Pass(step=2))[0])


def test_zero_weights_share_the_load_evenly_and_the_shares_sum_to_k() -> None:
    layer = moe_layer(**NOISY)
    with torch.no_grad():
        layer.router.score.weight.zero_()
        layer.router.score.noise.zero_()
    x_TD = torch.randn(2000, 8, generator=torch.Generator().manual_seed(3))
    of = RouteContext((40, 50), Pass(), 0, True, True, torch.device("cpu"))
    decision = layer.router.choose(layer.router(x_TD, of), of, [])
    load_E = smooth_load(decision, of).detach() / 2000
    assert close(load_E, torch.full((4,), 0.5), 0.03)  # k / E
    assert float(load_E.sum()) == pytest.approx(2, abs=0.05)
    assert close(decision.selected_E / 2000, load_E, 0.03)


def test_the_load_that_each_expert_expects_sums_to_k_whatever_the_weights() -> None:
    layer = moe_layer(**NOISY)
    with torch.no_grad():
        layer.router.score.weight.normal_(generator=torch.Generator().manual_seed(2))
    x_TD = torch.randn(4000, 8, generator=torch.Generator().manual_seed(3))
    of = RouteContext((40, 100), Pass(), 0, True, True, torch.device("cpu"))
    load_E = smooth_load(layer.router.choose(layer.router(x_TD, of), of, []), of)
    assert float(load_E.detach().sum() / 4000) == pytest.approx(2, abs=0.05)


def test_noise_weights_learn_from_the_load_alone() -> None:
    balance = [{"kind": "importance_load_cv", "importance": 0.0, "load": 1.0}]
    layer = moe_layer(**NOISY, balance=balance)
    routed(layer, X)[1].losses["importance_load_cv"].backward()
    assert float(layer.router.score.noise.grad.abs().sum()) > 0


def test_with_all_experts_taken_there_is_no_load_to_even_out() -> None:
    balance = [{"kind": "importance_load_cv", "importance": 0.0, "load": 1.0}]
    layer = moe_layer(**NOISY, select={"kind": "top_k", "k": 4}, balance=balance)
    assert routed(layer, X)[1].losses["importance_load_cv"].item() == 0


def test_a_switch_weight_lies_between_one_over_experts_and_one() -> None:
    layer = moe_layer(**NOISY, select={"kind": "top_k", "k": 1}, weigh={"kind": "raw"})
    weight_TK = routed(layer, 3 * X)[1].record.weight_TK
    assert float(weight_TK.min()) >= 0.25
    assert float(weight_TK.max()) <= 1


# Activations (arXiv 2405.13997)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "gelu"])
def test_an_activation_stands_between_the_line_and_the_temperature(activation: str) -> None:
    fields = {"modifiers": [{"kind": "temperature", "value": 0.5}]}
    score = {"kind": "activation_linear", "activation": activation}
    weight = moe_layer(score=score).router.score.weight
    wanted = getattr(torch, activation, F.gelu)(X_TD @ weight.t()) / 0.5
    assert close(logits_of(score, **fields), wanted)


@pytest.mark.parametrize("kind", ["linear", "activation_linear"])
def test_no_temperature_divides_a_bias(kind: str) -> None:
    """softmax(s(x) / tau + b): cooling makes the router sharper, not its prior stronger."""
    layer = moe_layer(score={"kind": kind, "bias": True}, modifiers=[{"kind": "temperature", "value": 0.25}])
    before = layer.router(X_TD, context()).logits_GE
    bias_E = torch.tensor([0.5, -1.0, 0.0, 2.0])
    with torch.no_grad():
        layer.router.score.bias.copy_(bias_E)
    after = layer.router(X_TD, context())
    assert close(after.logits_GE, before + bias_E)
    assert close(after.raw_GE, before * 0.25 + bias_E)
    routed(layer, X)[0].sum().backward()
    assert float(layer.router.score.bias.grad.abs().sum()) > 0


PHI: dict[str, Callable[[Tensor], Tensor]] = {"linear": lambda z: z, "relu": torch.relu, **ACTIVATIONS}


@pytest.mark.parametrize("name", PHI)
def test_scale_and_temperature_are_one_number_exactly_for_homogeneous_scores(name: str) -> None:
    """(W, tau) -> (c W, c tau) leaves the model unchanged: why only three activations are offered."""
    phi, random = PHI[name], torch.Generator().manual_seed(0)
    w_ED, b_E = torch.randn(4, 8, generator=random), torch.randn(4, generator=random)
    p, scaled = (torch.softmax(phi(X_TD @ (c * w_ED).t()) / (c * 0.7) + b_E, 1) for c in (1.0, 3.0))
    apart = float((p - scaled).abs().max())
    assert apart < 1e-6 if name in ("linear", "relu") else apart > 1e-2


@pytest.mark.parametrize("name", PHI)
def test_the_smallest_eigenvalue_of_the_fisher_information_says_the_same(name: str) -> None:
    """Two Gaussian experts in one dimension; parameters w1, w2, tau, b1, all else known."""
    phi, x_N = PHI[name], torch.linspace(-2, 2, 41, dtype=torch.float64)
    y_M = torch.linspace(-9, 9, 361, dtype=torch.float64)
    mean_N2 = torch.stack([1.5 * x_N + 1, -x_N - 1], 1)
    density_MN2 = torch.exp(-0.5 * (y_M[:, None, None] - mean_N2) ** 2) / (2 * torch.pi) ** 0.5

    def log_density(theta: Tensor) -> Tensor:
        bias = torch.stack([theta[3], torch.zeros((), dtype=torch.float64)])
        gate_N2 = torch.softmax(phi(x_N[:, None] * theta[:2]) / theta[2] + bias, 1)
        return (density_MN2 * gate_N2).sum(2).log()

    theta = torch.tensor([1.2, -0.8, 0.6, 0.3], dtype=torch.float64)
    theta.requires_grad_()
    told_MN = log_density(theta)
    # The gradient is linear in its weights, so their slopes are the columns of the Jacobian.
    by_MN = torch.zeros_like(told_MN, requires_grad=True)
    (pulled_P,) = torch.autograd.grad(told_MN, theta, by_MN, create_graph=True)
    slopes = [torch.autograd.grad(each, by_MN, retain_graph=True)[0] for each in pulled_P]
    slope_MNP = torch.stack(slopes, 2)
    mass_MN = told_MN.detach().exp() * (y_M[1] - y_M[0]) / len(x_N)
    fisher = torch.einsum("mn,mnp,mnq->pq", mass_MN, slope_MNP, slope_MNP)
    least = float(torch.linalg.eigvalsh(fisher)[0])
    assert abs(least) < 1e-12 if name in ("linear", "relu") else least > 1e-8


# Cosine (X-MoE, arXiv 2204.09179)


def test_cosine_logits_are_bounded_and_lengths_do_not_count() -> None:
    layer = moe_layer(score={"kind": "cosine", "dim": 5, "temperature": 0.07})
    score = layer.router.score
    logits_TE = score(X_TD, context())
    wanted = F.cosine_similarity((X_TD @ score.project.t())[:, None], score.centroids[None], 2) / 0.07
    assert close(logits_TE, wanted)
    assert logits_TE.abs().max().item() <= 1 / 0.07 + 1e-4
    with torch.no_grad():
        score.centroids *= torch.tensor([[2.0], [0.1], [30.0], [1.0]])
    assert close(score(5 * X_TD, context()), logits_TE)


def test_cosine_of_nothing_is_zero_and_has_a_gradient_that_is_a_number() -> None:
    layer = moe_layer(score={"kind": "cosine", "dim": 5})
    x = X.clone()
    x[0, 0] = 0
    x.requires_grad_()
    y, _ = routed(layer, x)
    assert (layer.router.score(x[0, :1], context()) == 0).all()
    y.square().sum().backward()
    assert x.grad.isfinite().all()
    assert all(slope.isfinite().all() for slope in gradients(layer).values())


# Frozen (SMoE-Dropout, arXiv 2303.01610)


def frozen_design() -> Design:
    router = {
        "score": {"kind": "frozen_linear"},
        "select": {"kind": "top_k", "k": {"kind": "linear", "start": 1, "end": 4}},
        "weigh": {"kind": "renormalised"},
        "combine": {"kind": "output_mix"},
    }
    body = {"kind": "moe", "experts": [{"kind": "mlp", "count": 4, "hidden": 6}], "router": router}
    task = {"kind": "table", "features": 5, "heads": [{"name": "a", "size": 3}]}
    return Design.model_validate(
        {
            "width": 8,
            "task": task,
            "stacks": [{"causal": False, "layers": [{"pattern": [{"parts": [{"body": body}]}]}]}],
        }
    )


def test_a_frozen_router_is_the_same_bit_by_bit_after_training_with_decay() -> None:
    model = build(frozen_design())
    (name,) = [name for name, _ in model.named_parameters() if "router" in name]
    frozen = dict(model.named_parameters())[name]
    before = {key: value.clone() for key, value in model.named_parameters()}
    optimizer = make_optimizer(model, Optimizer(rate=0.1, weight_decay=0.5))
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert id(frozen) not in held
    assert len(held) == len(before) - 1
    inputs = torch.randn(9, 5, generator=torch.Generator().manual_seed(1))
    for step in range(5):
        loss_of(model(inputs, Pass(step=step, progress=step / 4))).backward()
        optimizer.step()
        optimizer.zero_grad()
    after = dict(model.named_parameters())
    assert torch.equal(after[name], before[name])
    changed = [key for key in before if not torch.equal(after[key], before[key])]
    assert any("experts" in key for key in changed)


def test_a_frozen_router_starts_as_torch_starts_a_linear_layer_and_from_the_seed() -> None:
    def drawn(seed: int) -> Tensor:
        layer = moe_layer(
            width=64, score={"kind": "frozen_linear"}, experts=[{"kind": "zero", "count": 64}], seed=seed
        )
        return layer.router.score.frozen_ED.detach()

    usual = torch.nn.Linear(64, 64, bias=False).weight
    assert float(drawn(0).std()) == pytest.approx(usual.std().item(), rel=0.05)
    assert torch.equal(drawn(3), drawn(3))
    assert not torch.equal(drawn(3), drawn(4))


def test_a_frozen_router_runs_at_every_k_and_with_all_is_the_dense_mixture() -> None:
    model = build(frozen_design()).eval()
    inputs = torch.randn(9, 5, generator=torch.Generator().manual_seed(1))
    found = []
    for progress in torch.linspace(0, 1, 21).tolist():
        record = model(inputs, Pass(progress=progress, record="full")).records["decoder.0.0"]
        assert close(record.weight_TK.sum(1), torch.ones(9))
        found.append(record.selected_TK.shape[1])
    assert found[0] == 1
    assert found[-1] == 4
    assert found == sorted(found)
    layer = moe_layer(score={"kind": "frozen_linear"}, select={"kind": "top_k", "k": 4})
    p_TE = torch.softmax(X_TD @ layer.router.score.frozen_ED.t(), 1)
    bank = layer.experts.members()[0]
    wanted = sum(p_TE[:, e, None] * bank.rows(X_TD, e) for e in range(4))
    assert close(routed(layer, X)[0].flatten(0, 1), wanted)


# Chance, and conditions alone


@pytest.mark.parametrize("kind", ["uniform", "given"])
def test_no_score_is_no_parameter_and_every_expert_the_same(kind: str) -> None:
    layer = moe_layer(score={"kind": kind}, select={"kind": "all"}, weigh={"kind": "raw"})
    assert not list(layer.router.parameters())
    assert not layer.router.state_dict()
    y, told = routed(layer, X)
    assert close(told.record.probability_TE, torch.full((21, 4), 0.25))
    bank = layer.experts.members()[0]
    wanted = torch.stack([bank.rows(X_TD, e) for e in range(4)]).mean(0)
    assert close(y.flatten(0, 1), wanted)


@pytest.mark.parametrize(
    "score",
    [
        {"kind": "noisy_linear"},
        {"kind": "activation_linear", "activation": "tanh"},
        {"kind": "cosine", "dim": 5},
        {"kind": "frozen_linear"},
        {"kind": "hierarchical_linear"},
    ],
    ids=lambda score: score["kind"],
)
def test_sparse_equals_reference_with_every_score(score: dict[str, object]) -> None:
    found = []
    for execution in ("sparse", "export", "reference"):
        layer, x = moe_layer(score=score, execution=execution), X.clone().requires_grad_()
        y, _ = routed(layer, x)
        y.square().sum().backward()
        found.append({"y": y.detach(), "x": x.grad, **gradients(layer)})
    for other in found[:2]:
        assert all(close(other[key], found[2][key]) for key in other)


def test_scores_stay_in_float32_whatever_the_weights_are_kept_in() -> None:
    for score in ("noisy_linear", "activation_linear", "cosine", "frozen_linear", "hierarchical_linear"):
        layer = moe_layer(score={"kind": score}).bfloat16()
        assert layer.router.score(X_TD, context()).dtype == torch.float32


def test_a_decision_in_groups_carries_its_own_deviation() -> None:
    """Noise that each group chose is spread to its tokens, where the smooth load reads it."""
    layer = moe_layer(**NOISY, scope="example")
    decision = layer.router.choose(layer.router(X_TD, context()), context(), [])
    assert isinstance(decision, Hard)
    assert isinstance(decision.deviation, Tensor)
    assert decision.deviation.shape == (21, 4)
    assert torch.equal(decision.deviation[0], decision.deviation[6])
    assert smooth_load(decision, context()).isfinite().all()
