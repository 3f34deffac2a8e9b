"""Weights on the input of experts (Llama 4) instead of on their output."""

from typing import Any

import pytest
import torch

from core.model.bodies.moe import Moe
from core.model.passing import Pass
from tests.support import close, gradients, moe_layer, routed

X = torch.randn(3, 7, 8, generator=torch.Generator().manual_seed(5))
GROUPS = [
    {"kind": "glu", "count": 2, "hidden": 5, "bias": True},
    {"kind": "glu_lowrank", "count": 1, "hidden": 4, "rank": 2},
    {"kind": "identity", "count": 1},
]


def on_input(**fields: Any) -> Moe:
    layer = moe_layer(**{"combine": {"kind": "output_mix", "weigh_on": "input"}, "experts": GROUPS, **fields})
    with torch.no_grad():
        layer.experts.members()[0].gate_up_bias_EH.fill_(0.3)
    return layer


@pytest.mark.parametrize("capacity", [None, {"train": 0.5, "eval": 0.5}])
def test_each_expert_reads_the_token_times_its_weight(capacity: Any) -> None:
    layer = on_input(capacity=capacity)
    y, told = routed(layer, X)
    wanted = torch.zeros(21, 8)
    chosen = zip(told.record.expert_TK.tolist(), told.record.weight_TK.tolist(), strict=True)
    with torch.no_grad():
        for t, (experts, weights) in enumerate(chosen):
            for e, weight in zip(experts, weights, strict=True):
                if e >= 0:
                    group, first = [(0, 0), (0, 0), (1, 2), (2, 3)][e]
                    x_1D = weight * X.flatten(0, 1)[t, None]
                    wanted[t] += layer.experts.members()[group].rows(x_1D, e - first)[0]
    assert close(y.flatten(0, 1), wanted)


def test_all_executions_agree_in_values_and_gradients() -> None:
    found = []
    for execution in ("sparse", "export", "reference"):
        layer, x = on_input(execution=execution), X.clone().requires_grad_()
        y, _ = routed(layer, x)
        y.square().sum().backward()
        found.append({"y": y.detach(), "x": x.grad, **gradients(layer)})
    assert all(close(other[key], found[2][key]) for other in found[:2] for key in found[2])
    assert float(found[2]["router.score.weight"].abs().max()) > 1e-4


def test_a_single_token_and_padding() -> None:
    layer = on_input().eval()
    mask = torch.ones(3, 7, dtype=torch.bool)
    mask[:, 1:] = False
    with torch.no_grad():
        one = routed(layer, X[:1, :1])[0]
        y = routed(layer, X, Pass(mask=mask, record="full"))[0]
    assert close(y[:1, :1], one)
    assert (y[:, 1:] == 0).all()
