"""The MoE layer against transformers' Mixtral block with the same weights."""

import pytest
import torch
from torch.nn import functional as F
from transformers import MixtralConfig
from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock

from core.model.passing import Pass
from tests.support import close, moe_layer, routed


@pytest.mark.parametrize("execution", ["sparse", "reference"])
def test_it_is_mixtral_s_block(execution: str) -> None:
    config = MixtralConfig(
        hidden_size=16,
        intermediate_size=24,
        num_local_experts=6,
        num_experts_per_tok=2,
    )
    theirs = MixtralSparseMoeBlock(config)
    ours = moe_layer(16, execution=execution, experts=[{"kind": "glu", "count": 6, "hidden": 24}])
    group = ours.experts.members()[0]
    with torch.no_grad():
        theirs.gate.weight.copy_(ours.router.score.weight)
        theirs.experts.gate_up_proj.copy_(group.gate_up_EHD)
        theirs.experts.down_proj.copy_(group.down_EDH)
    x = torch.randn(3, 9, 16, generator=torch.Generator().manual_seed(2))
    found = []
    for block in (lambda x: routed(ours, x)[0], theirs):
        x_here = x.clone().requires_grad_()
        y = block(x_here)
        y.square().sum().backward()
        found.append((y, x_here.grad))
    assert close(found[0][0], found[1][0])
    assert close(found[0][1], found[1][1])
    assert close(ours.router.score.weight.grad, theirs.gate.weight.grad)
    assert close(group.gate_up_EHD.grad, theirs.experts.gate_up_proj.grad)
    assert close(group.down_EDH.grad, theirs.experts.down_proj.grad)


def test_our_load_balance_loss_is_theirs_over_k() -> None:
    from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func

    layer = moe_layer(balance=[{"kind": "load_balance", "coefficient": 1.0}])
    x = torch.randn(3, 9, 8, generator=torch.Generator().manual_seed(2))
    logits = F.linear(x.flatten(0, 1), layer.router.score.weight)
    assert close(routed(layer, x)[1].losses["load_balance"], load_balancing_loss_func((logits,), 4, 2) / 2)


def test_everything_padded_is_zero_and_finite() -> None:
    balancers = [
        {"kind": "load_balance"},
        {"kind": "load_balance", "per": "sequence"},
        {"kind": "load_balance", "per": "island"},
        {"kind": "z_loss"},
        {"kind": "importance_load_cv"},
        {"kind": "bias_update"},
    ]
    layer = moe_layer(
        balance=balancers,
        modifiers=[{"kind": "logit_noise"}],
        capacity={"train": 1.0},
        shared=[{"kind": "mlp", "hidden": 4, "bias": True}],
    )
    passing = Pass(mask=torch.zeros(2, 3, dtype=torch.bool), record="full")
    y, told = routed(layer, torch.randn(2, 3, 8), passing)
    (y.sum() + sum(told.losses.values())).backward()
    assert (y == 0).all()
    assert all(loss.item() == 0 for loss in told.losses.values())
    assert told.record.tokens == 0
    assert all(p.grad is None or p.grad.isfinite().all() for p in layer.parameters())
