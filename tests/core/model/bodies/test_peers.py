"""The MoE layer against transformers' own blocks with copied weights: values and all gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import DeepseekV3Config, OlmoeConfig, Qwen3MoeConfig, SwitchTransformersConfig
from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3MoE
from transformers.models.olmoe.modeling_olmoe import OlmoeSparseMoeBlock
from transformers.models.qwen3_moe.modeling_qwen3_moe import Qwen3MoeSparseMoeBlock
from transformers.models.switch_transformers.modeling_switch_transformers import SwitchTransformersSparseMLP

from core.model.bodies.moe import Moe
from tests.support import close, moe_layer, routed

D, H, E, K = 16, 12, 8, 3
#: (ours, theirs): tensors that must stay equal.
Pairs = list[tuple[Tensor, Tensor]]
Peer = tuple[Moe, nn.Module, Pairs]


def _gated(ours: Moe, theirs: Any) -> Pairs:
    group = ours.experts.members()[0]
    return [
        (ours.router.score.weight, theirs.gate.weight),
        (group.gate_up_EHD, theirs.experts.gate_up_proj),
        (group.down_EDH, theirs.experts.down_proj),
    ]


def qwen3_moe(execution: str) -> Peer:
    """Softmax over all, the best k made to sum to one."""
    sizes = {"hidden_size": D, "moe_intermediate_size": H, "num_experts": E, "num_experts_per_tok": K}
    theirs = Qwen3MoeSparseMoeBlock(Qwen3MoeConfig(**sizes, norm_topk_prob=True))
    ours = _layer(execution, weigh={"kind": "renormalised"})
    return ours, theirs, _gated(ours, theirs)


def olmoe(execution: str) -> Peer:
    """Softmax over all, raw."""
    sizes = {"hidden_size": D, "intermediate_size": H, "num_experts": E, "num_experts_per_tok": K}
    theirs = OlmoeSparseMoeBlock(OlmoeConfig(**sizes, norm_topk_prob=False))
    ours = _layer(execution, weigh={"kind": "raw"})
    return ours, theirs, _gated(ours, theirs)


def deepseek_v3(execution: str) -> Peer:
    """Sigmoid scores, the best two of four islands, a bias for selection only, a shared expert."""
    config = DeepseekV3Config(
        hidden_size=D,
        moe_intermediate_size=H,
        n_routed_experts=E,
        num_experts_per_tok=K,
        n_group=4,
        topk_group=2,
        n_shared_experts=1,
        routed_scaling_factor=2.5,
        norm_topk_prob=True,
    )
    theirs = DeepseekV3MoE(config)
    ours = _layer(
        execution,
        islands=4,
        score_function="sigmoid",
        select={"kind": "group_top_k", "k": K, "top_islands": 2, "island_score": "top2_sum"},
        weigh={"kind": "renormalised", "scale": 2.5},
        shared=[{"kind": "glu", "hidden": H}],
        balance=[{"kind": "bias_update"}],
    )
    bias = torch.linspace(-0.2, 0.2, E)
    ours.balance[0].bias.copy_(bias)
    theirs.gate.e_score_correction_bias.copy_(bias)
    assert ours.shared is not None
    shared, other = ours.shared.members()[0], theirs.shared_experts
    with torch.no_grad():
        shared.gate_up_EHD[0].copy_(torch.cat([other.gate_proj.weight, other.up_proj.weight]))
        shared.down_EDH[0].copy_(other.down_proj.weight)
    return ours, theirs, _gated(ours, theirs)


def switch(execution: str) -> Peer:
    """One expert, its raw probability, room for three tokens each."""
    config = SwitchTransformersConfig(
        d_model=D, d_ff=H, num_experts=E, expert_capacity=3, dropout_rate=0.0, router_jitter_noise=0.0
    )
    theirs = SwitchTransformersSparseMLP(config)
    ours = _layer(
        execution,
        experts=[{"kind": "mlp", "count": E, "hidden": H, "activation": "relu"}],
        select={"kind": "top_k", "k": 1},
        weigh={"kind": "raw"},
        capacity={"train": 1.0, "eval": 1.0},
    )
    group = ours.experts.members()[0]
    pairs = [(ours.router.score.weight, theirs.router.classifier.weight)]
    for e in range(E):
        their = theirs.experts[f"expert_{e}"]
        pairs += [(group.up_EHD[e], their.wi.weight), (group.down_EDH[e], their.wo.weight)]
    return ours, theirs, pairs


def _layer(execution: str, **fields: Any) -> Moe:
    usual = {"experts": [{"kind": "glu", "count": E, "hidden": H}], "select": {"kind": "top_k", "k": K}}
    return moe_layer(D, execution=execution, **{**usual, **fields})


@pytest.mark.parametrize("execution", ["sparse", "reference", "export"])
@pytest.mark.parametrize("peer", [qwen3_moe, olmoe, deepseek_v3, switch])
def test_it_is_the_block_of_transformers(peer: Callable[[str], Peer], execution: str) -> None:
    ours, theirs, pairs = peer(execution)
    with torch.no_grad():
        for mine, other in pairs:
            other.copy_(mine)
        # The router starts small, so that it would nearly be a tie; here it decides.
        for weight in pairs[0]:
            weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(4)))
    # One example of 24 tokens: their Switch counts capacity by example, and 24 / 8 leaves room for three.
    x = torch.randn(1, 24, D, generator=torch.Generator().manual_seed(2))
    answers, slopes = [], []
    for block in (lambda x: routed(ours, x)[0], theirs):
        x_here = x.clone().requires_grad_()
        y = block(x_here)
        y.square().sum().backward()
        answers.append(y)
        slopes.append(x_here.grad)
    assert close(answers[0], answers[1])
    assert close(slopes[0], slopes[1])
    assert close(pairs[0][0].grad, pairs[0][1].grad)
    for mine, other in pairs[1:]:
        wanted = torch.zeros_like(other) if other.grad is None else other.grad
        assert close(_gradient(mine), wanted)


def _gradient(tensor: Tensor) -> Tensor:
    """The gradient of a parameter, or of one expert's slice of it."""
    whole = tensor if tensor._base is None else tensor._base
    assert whole.grad is not None
    return whole.grad if whole is tensor else whole.grad[tensor.storage_offset() // tensor.numel()]
