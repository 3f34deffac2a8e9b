"""Which parameters decay, and the learning rate over the steps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.design.plan import Optimizer, Plan
from core.design.presets.registry import PRESETS
from core.design.presets.registry import preset as preset_design
from core.design.spec import Design
from core.model.build import build
from core.train.optimizer import decays, make_optimizer, rate


@pytest.mark.parametrize(
    "preset",
    # A preset without layers builds nothing.
    [p for p in PRESETS if p.kind == "starter" and preset_design(p.name).depth],
    ids=lambda preset: preset.name,
)
def test_norms_biases_embeddings_and_routers_do_not_decay(preset) -> None:
    model = build(Design.model_validate(preset.write()))
    names = {name for name, parameter in model.named_parameters() if decays(name, parameter)}
    assert names
    for name in names:
        assert not any(word in name for word in ("norm", "bias", "embedding", "position", "router")), name
    kept = {name for name, _ in model.named_parameters()} - names
    for name in kept:
        assert any(word in name for word in ("norm", "bias", "embedding", "position", "router")), name


def test_every_parameter_is_in_one_group() -> None:
    model = build(Design.model_validate(PRESETS[0].write()))
    groups = make_optimizer(model, Optimizer(weight_decay=0.3)).param_groups
    assert [group["weight_decay"] for group in groups] == [0.3, 0.0]
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    assert all(group["fused"] for group in groups)


def test_rate_by_hand() -> None:
    plan = Plan(steps=21, optimizer=Optimizer(rate=1.0, warmup=0.2, floor=0.1))
    assert [rate(plan, step) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]
    assert rate(plan, 12) == pytest.approx(0.55)
    assert rate(plan, 20) == pytest.approx(0.1)


@given(st.integers(1, 500), st.floats(0, 1), st.floats(0, 1))
def test_rate_rises_then_falls_within_its_bounds(steps: int, warmup: float, floor: float) -> None:
    plan = Plan(steps=steps, optimizer=Optimizer(rate=1.0, warmup=warmup, floor=floor))
    rates = [rate(plan, step) for step in range(steps)]
    top = max(0, round(warmup * steps) - 1)
    assert all(0 < value <= 1 for value in rates[: top + 1])
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert min(rates[top:]) >= floor - 1e-12
