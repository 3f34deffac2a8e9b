"""Gumbel noise, dropped experts, learned temperatures: when they act, on whom, and what they leave alone."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from core.design.routing.balance.base import BALANCE
from core.model.passing import Pass
from core.model.routing.context import RouteContext
from core.model.routing.modifier.drop_experts import DropExperts
from tests.support import close, gradients, moe_layer, routed

X = torch.randn(3, 7, 8, generator=torch.Generator().manual_seed(5))
X_TD = X.flatten(0, 1)
SIXTEEN = [{"kind": "glu", "count": 16, "hidden": 4}]
RAW = {"kind": "raw"}


def context(layer: int = 0, training: bool = True, **passing: Any) -> RouteContext:
    return RouteContext((3, 7), Pass(**passing), layer, training, True, torch.device("cpu"))


# Gumbel (dense-to-sparse gating, arXiv 2112.14397)


def test_the_best_of_gumbel_logits_is_a_draw_from_their_softmax() -> None:
    layer = moe_layer(modifiers=[{"kind": "gumbel"}])
    logits_E = torch.tensor([1.0, 0.0, -1.0, 0.5])
    drawn_GE = layer.router.modifiers[0].on_logits(logits_E.repeat(20_000, 1), context())
    share_E = torch.bincount(drawn_GE.argmax(1), minlength=4) / 20_000
    assert close(share_E, torch.softmax(logits_E, 0), 0.015)
    noise_GE = drawn_GE - logits_E
    assert noise_GE.mean().item() == pytest.approx(0.5772, abs=0.02)
    assert noise_GE.var().item() == pytest.approx(torch.pi**2 / 6, rel=0.04)


def test_gumbel_noise_is_replayed_and_stops_at_evaluation() -> None:
    layer = moe_layer(modifiers=[{"kind": "gumbel"}])

    def at(**where: int) -> Tensor:
        return routed(layer, X, Pass(record="full", **where))[1].record.probability_TE

    assert torch.equal(at(step=2), at(step=2))
    assert not torch.equal(at(step=2), at(step=3))
    assert not torch.equal(at(step=2), at(step=2, pass_index=1))
    assert torch.equal(routed(layer.eval(), X)[0], routed(moe_layer().eval(), X)[0])


def test_gumbel_is_drawn_once_for_those_who_decide_together_and_cooled_with_the_logits() -> None:
    layer = moe_layer(scope="example", modifiers=[{"kind": "temperature", "value": 0.5}, {"kind": "gumbel"}])
    scored = layer.router(X_TD, context())
    assert scored.logits_GE.shape == (3, 4)
    warm = moe_layer(scope="example", modifiers=[{"kind": "gumbel"}]).router(X_TD, context())
    assert close(scored.logits_GE, warm.logits_GE / 0.5)


# Dropped experts (MoEC, arXiv 2207.09094)


def dropper(islands: int = 4, count: int = 16, **fields: Any) -> DropExperts:
    layer = moe_layer(
        experts=[{"kind": "zero", "count": count}],
        islands=islands,
        modifiers=[{"kind": "drop_experts", "rate": 0.5, **fields}],
    )
    (built,) = layer.router.modifiers
    assert isinstance(built, DropExperts)
    return built


@pytest.mark.parametrize(
    ("islands", "count", "rate", "left"),
    [
        (4, 16, 0.5, 2),
        (1, 16, 0.5, 8),
        (2, 10, 0.3, 4),
        (1, 100, 0.29, 71),
        (16, 16, 0.5, 1),
        (4, 16, 0.0, 4),
    ],
)
def test_every_island_keeps_exactly_its_share(islands: int, count: int, rate: float, left: int) -> None:
    built = dropper(islands, count, rate=rate)
    for step in range(20):
        kept_IM = ~built.dropped(context(step=step)).view(islands, -1)
        assert (kept_IM.sum(1) == left).all()


def test_whole_islands_are_dropped_together() -> None:
    built = dropper(unit="island", rate=0.25)
    seen = set()
    for step in range(40):
        dropped_IM = built.dropped(context(step=step)).view(4, 4)
        assert sorted(dropped_IM.sum(1).tolist()) == [0, 0, 0, 4]
        seen.add(int(dropped_IM.any(1).nonzero()))
    assert seen == {0, 1, 2, 3}


def test_the_same_are_dropped_for_as_many_steps_as_asked_and_then_others() -> None:
    built = dropper(refresh=5)
    masks = [built.dropped(context(step=step)) for step in range(20)]
    for step, mask in enumerate(masks):
        assert torch.equal(mask, masks[step - step % 5])
    assert len({tuple(mask.tolist()) for mask in masks}) == 4
    now = context(step=7)
    assert torch.equal(built.dropped(context(step=7, pass_index=1)), built.dropped(now))
    assert torch.equal(dropper(refresh=5).dropped(now), built.dropped(now))
    assert not torch.equal(built.dropped(context(step=7, seed=1)), built.dropped(now))
    assert not torch.equal(built.dropped(context(layer=1, step=7)), built.dropped(now))


def test_all_are_dropped_equally_often() -> None:
    built = dropper()
    often_E = sum(built.dropped(context(step=step)).float() for step in range(800)) / 800
    assert close(often_E, torch.full((16,), 0.5), 0.08)


SELECTIONS = [
    pytest.param({"select": {"kind": "top_k", "k": 3}}, id="top-k"),
    pytest.param({"select": {"kind": "top_k", "k": 3}, "score_function": "sigmoid"}, id="sigmoid"),
    pytest.param({"select": {"kind": "top_p", "p": 1.0}, "weigh": RAW}, id="top-p"),
    pytest.param({"select": {"kind": "threshold", "theta": 0.0}, "weigh": RAW}, id="threshold"),
    pytest.param({"select": {"kind": "all"}, "weigh": {"kind": "mean"}}, id="all"),
    pytest.param(
        {"select": {"kind": "group_top_k", "k": 3, "top_islands": 2, "island_score": "sum"}, "islands": 4},
        id="islands",
    ),
]


@pytest.mark.parametrize("fields", SELECTIONS)
def test_dropped_experts_get_no_token_even_with_a_bias_in_their_favour(fields: dict[str, Any]) -> None:
    drop = [{"kind": "drop_experts", "rate": 0.5}, {"kind": "logit_noise"}]
    layer = moe_layer(experts=SIXTEEN, modifiers=drop, balance=[{"kind": "bias_update"}], **fields)
    dropped_E = layer.router.modifiers[0].dropped(context(step=3))
    (balancer,) = layer.balancers()
    balancer.bias += dropped_E.float() * 5
    y, told = routed(layer, X, Pass(step=3, record="full"))
    record = told.record
    assert int(dropped_E.sum()) == 8
    assert (record.selected_E[dropped_E] == 0).all()
    assert (record.selected_E[~dropped_E] > 0).any()
    assert (record.probability_TE[:, dropped_E] == 0).all()
    assert close(record.probability_TE.sum(1), torch.ones(21))
    chosen_TK = record.selected_TK >= 0
    assert torch.equal(record.weight_TK > 0, chosen_TK)
    y.square().sum().backward()
    assert all(slope.isfinite().all() for slope in gradients(layer).values())


def test_nothing_is_dropped_at_evaluation() -> None:
    layer = moe_layer(modifiers=[{"kind": "drop_experts", "rate": 0.5}]).eval()
    assert torch.equal(routed(layer, X)[0], routed(moe_layer().eval(), X)[0])


TRAINED = sorted(kind for kind, member in BALANCE.members.items() if member.trainable)


@pytest.mark.parametrize("score", ["linear", "noisy_linear"])
@pytest.mark.parametrize("kind", TRAINED)
def test_balancers_are_fine_with_dropped_experts(kind: str, score: str) -> None:
    layer = moe_layer(
        experts=SIXTEEN,
        islands=4,
        score={"kind": score},
        modifiers=[{"kind": "drop_experts", "rate": 0.5}],
        select={"kind": "top_k", "k": 8},  # as many as are left
        balance=[{"kind": kind}],
    )
    y, told = routed(layer, X)
    (y.square().sum() + sum(told.losses.values())).backward()
    assert all(loss.isfinite() for loss in told.losses.values())
    assert all(slope.isfinite().all() for slope in gradients(layer).values())


# Temperature


def test_a_learned_temperature_starts_at_its_value_stays_above_zero_and_gets_a_gradient() -> None:
    plain = moe_layer(modifiers=[{"kind": "temperature", "value": 0.7}])
    layer = moe_layer(modifiers=[{"kind": "temperature", "value": 0.7, "learnable": True}])
    y, _ = routed(layer, X)
    assert torch.equal(y, routed(plain, X)[0])
    (name,) = [name for name, _ in layer.named_parameters() if "modifiers" in name]
    learned = dict(layer.named_parameters())[name]
    y.square().sum().backward()
    assert float(learned.grad.abs().sum()) > 0
    raw_TE = layer.router(X_TD, context()).raw_GE
    for log in (-3.0, 2.0):
        with torch.no_grad():
            learned.fill_(log)
        wanted = raw_TE / 0.7 / torch.tensor(log).exp()
        assert close(layer.router(X_TD, context()).logits_GE, wanted)


def test_a_learned_factor_rides_on_the_schedule() -> None:
    value = {"kind": "exponential", "start": 2.0, "end": 0.3}
    layer = moe_layer(modifiers=[{"kind": "temperature", "value": value, "learnable": True}])
    for progress, wanted in ((0.0, 2.0), (1.0, 0.3)):
        scored = layer.router(X_TD, context(progress=progress))
        assert close(scored.logits_GE, scored.raw_GE / wanted)


def soft(temperature: float, **fields: Any) -> Any:
    layer = moe_layer(modifiers=[{"kind": "temperature", "value": temperature}], **fields)
    return routed(layer, X)[1].record


def test_heat_makes_uniform_and_cold_makes_one_hot() -> None:
    assert close(soft(1e6).probability_TE, torch.full((21, 4), 0.25))
    cold = soft(1e-6).probability_TE
    assert torch.equal(cold.argmax(1), soft(1.0).probability_TE.argmax(1))
    assert close(cold.amax(1), torch.ones(21))
    entropy = [soft(t).entropy_T for t in (0.01, 0.1, 1.0, 10.0)]
    assert all((hot >= cool - 1e-6).all() for cool, hot in pairwise(entropy))


@pytest.mark.parametrize("score", ["linear", "activation_linear"])
def test_cooling_keeps_fewer_experts_above_a_threshold(score: str) -> None:
    select = {"kind": "threshold", "theta": 0.2, "min_k": 1}
    kept = [
        int(soft(t, score={"kind": score}, select=select, weigh=RAW).selected_E.sum())
        for t in (1e3, 1.0, 0.3, 0.1, 0.03, 0.01, 1e-5)
    ]
    assert kept == sorted(kept, reverse=True)
    assert kept[0] == 84
    assert kept[-1] == 21
