"""The bank: shapes, ids, starting values, refusals, and the kinds against formulas written out."""

import math
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from core.design.experts.adapter import Adapter
from core.design.experts.glu_lowrank import GluLowRank
from core.model.execute.export import UnboundExperts
from core.model.experts import ExpertBank, FreeExperts, GroupShape, StackedExperts
from core.model.groups import bank as bank_of
from core.model.lowrank import LowRankExperts


def test_parameters_are_stacked_in_linear_orientation() -> None:
    bank = ExpertBank(
        6, [GroupShape("glu", 3, 4), GroupShape("mlp", 2, 5, "gelu", bias=True), GroupShape("zero", 1)]
    )
    assert {n: tuple(p.shape) for n, p in bank.named_parameters()} == {
        "groups.0.gate_up_EHD": (3, 8, 6),
        "groups.0.down_EDH": (3, 6, 4),
        "groups.1.up_EHD": (2, 5, 6),
        "groups.1.down_EDH": (2, 6, 5),
        "groups.1.up_bias_EH": (2, 5),
        "groups.1.down_bias_ED": (2, 6),
    }
    assert bank.count == 6
    assert bank.starts == [0, 3, 5]


def test_every_expert_starts_as_a_linear_layer_does() -> None:
    torch.manual_seed(0)
    into, down = ExpertBank(64, [GroupShape("glu", 4, 16)]).parameters()
    for weight, inputs in ((into, 64), (down, 16)):
        for expert in weight:
            assert 0.9 / math.sqrt(inputs) < expert.abs().max().item() <= 1 / math.sqrt(inputs)


def test_the_first_half_of_gate_up_is_the_gate() -> None:
    bank = ExpertBank(4, [GroupShape("glu", 2, 3, "gelu")])
    x = torch.randn(5, 4)
    gate_up, down = bank.parameters()
    wanted = F.linear(F.gelu(F.linear(x, gate_up[1][:3])) * F.linear(x, gate_up[1][3:]), down[1])
    torch.testing.assert_close(bank.members()[0].rows(x, 1), wanted)


def test_the_clamped_glu_is_that_of_gpt_oss() -> None:
    bank = ExpertBank(4, [GroupShape("glu", 1, 3, bias=True, alpha=1.702, limit=0.3)])
    x = 5 * torch.randn(20, 4)
    gate_up, down, gate_up_bias, down_bias = bank.parameters()
    gate, up = F.linear(x, gate_up[0], gate_up_bias[0]).chunk(2, 1)
    gate, up = gate.clamp(max=0.3), up.clamp(-0.3, 0.3)
    wanted = F.linear((up + 1) * gate * torch.sigmoid(1.702 * gate), down[0], down_bias[0])
    torch.testing.assert_close(bank.members()[0].rows(x, 0), wanted)


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "glu", "count": 0, "hidden": 4},
        {"kind": "mlp", "count": 1},
        {"kind": "mlp", "count": 1, "hidden": 4, "activation": "softmax"},
        {"kind": "mlp", "count": 1, "hidden": 4, "limit": 7.0},
    ],
)
def test_impossible_shapes_say_what_to_do(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="To fix this"):
        GroupShape(**fields)


def test_an_empty_bank_is_refused() -> None:
    with pytest.raises(ValueError, match="To fix this"):
        ExpertBank(4, [])


def test_an_adapter_is_a_narrow_mlp_with_biases() -> None:
    torch.manual_seed(0)
    bank = bank_of([Adapter(kind="adapter", count=2, hidden=3)], 6)
    up, down, up_bias, down_bias = bank.parameters()
    x = torch.randn(5, 6)
    wanted = F.linear(F.relu(F.linear(x, up[1], up_bias[1])), down[1], down_bias[1])
    torch.testing.assert_close(bank.members()[0].rows(x, 1), wanted)


def test_a_low_rank_gate_of_full_rank_is_the_gate_itself() -> None:
    torch.manual_seed(0)
    plain = ExpertBank(6, [GroupShape("glu", 2, 4)]).members()[0]
    low = bank_of([GluLowRank(kind="glu_lowrank", count=2, hidden=4, rank=6)], 6).members()[0]
    assert isinstance(low, LowRankExperts)
    gate_up, down = plain.parameters()
    with torch.no_grad():
        low.gate_a_ERD.copy_(torch.eye(6))
        low.gate_b_EHR.copy_(gate_up[:, :4])
        low.up_EHD.copy_(gate_up[:, 4:])
        low.down_EDH.copy_(down)
    x = torch.randn(5, 6)
    torch.testing.assert_close(low.rows(x, 1), plain.rows(x, 1))


@pytest.mark.parametrize(
    "group",
    [
        StackedExperts(6, GroupShape("glu", 3, 4, bias=True)),
        StackedExperts(6, GroupShape("mlp", 3, 4, "relu2")),
        UnboundExperts(StackedExperts(6, GroupShape("mlp", 3, 4, "gelu", bias=True))),
        LowRankExperts(6, 3, 4, 2, "silu"),
        FreeExperts(GroupShape("identity", 3)),
        FreeExperts(GroupShape("zero", 3)),
    ],
    ids=["glu", "mlp", "unbound", "low rank", "identity", "zero"],
)
def test_each_expert_on_rows_of_its_own_is_what_it_gives_alone(group: Any) -> None:
    x_END = torch.randn(3, 5, 6)
    alone = torch.stack([group.rows(x_END[e], e) for e in range(3)])
    torch.testing.assert_close(group.every(x_END), alone)
    torch.testing.assert_close(group.batched(x_END, group.tensors()), alone)
