"""Products in bfloat16: close to float32, its parameters and gradients in float32, padding without effect."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from core.model.build import build
from core.model.execute.slots import sort_slots
from core.model.execute.sparse import Strategy, sparse
from core.model.experts import ExpertBank, GroupShape
from core.model.lowrank import LowRankExperts
from core.model.routing.combine import param_merge
from tests.core.model.bodies.test_routed_block import asked, block_of, through, tokens
from tests.core.model.bodies.test_routed_block import design as of_whole_layers
from tests.core.model.routing.combine.test_param_merge import KINDS, SMEAR
from tests.core.model.routing.combine.test_slot_mix import SOFT
from tests.support import gradients, moe_layer, routed

#: bfloat16 keeps 8 bits: 0.4 % a rounding, and a gradient passes through a handful of them.
BOUND = 0.02


def passes(
    bank: ExpertBank, strategy: Strategy, dtype: torch.dtype | None, tokens: int, drop: float
) -> list[Tensor]:
    """The output and all gradients of one pass."""
    random = torch.Generator().manual_seed(1)
    x_TD = torch.randn(tokens, bank.width, generator=random, requires_grad=True)
    weight_TK = torch.rand(tokens, 3, generator=random, requires_grad=True)
    expert_TK = torch.rand(tokens, bank.count, generator=random).argsort(1)[:, :3]
    expert_TK[torch.rand(tokens, 3, generator=random) < drop] = -1
    y_TD = sparse(bank, x_TD, expert_TK, weight_TK, strategy, dtype=dtype)
    dy_TD = torch.randn(tokens, bank.width, generator=random)
    return [y_TD, *torch.autograd.grad(y_TD, [x_TD, weight_TK, *bank.parameters()], dy_TD)]


@pytest.mark.parametrize("strategy", ["ragged", "grouped"])
@pytest.mark.parametrize("drop", [0.0, 0.5])
def test_values_and_gradients_stay_within_the_bound(strategy: Strategy, drop: float) -> None:
    torch.manual_seed(0)
    groups = [GroupShape("glu", 3, 24, bias=True), GroupShape("mlp", 2, 8, "gelu"), GroupShape("identity", 1)]
    bank = ExpertBank(16, groups)
    exact = passes(bank, strategy, None, 80, drop)
    low = passes(bank, strategy, torch.bfloat16, 80, drop)
    for found, wanted in zip(low, exact, strict=True):
        assert found.dtype == torch.float32
        assert 0 < (found - wanted).norm() <= BOUND * wanted.norm()
    assert all(map(torch.equal, low, passes(bank, strategy, torch.bfloat16, 80, drop)))


@pytest.mark.parametrize("strategy", ["ragged", "hit", None])
def test_low_rank_experts_multiply_in_bfloat16_too(strategy: Strategy | None) -> None:
    torch.manual_seed(0)
    bank = ExpertBank(16, [LowRankExperts(16, 4, 24, 3, "silu")])
    exact, low = (passes(bank, "ragged", dtype, 80, 0.2) for dtype in (None, torch.bfloat16))
    for found, wanted in zip(low, exact, strict=True):
        assert found.dtype == torch.float32
        assert 0 < (found - wanted).norm() <= BOUND * wanted.norm()
    with torch.no_grad():
        x_TD, weight_TK, expert_TK = torch.randn(2, 16), torch.rand(2, 2), torch.tensor([[0, 3], [1, -1]])
        y_TD = sparse(bank, x_TD, expert_TK, weight_TK, strategy, dtype=torch.bfloat16)
        wanted = sparse(bank, x_TD, expert_TK, weight_TK)
        assert 0 < (y_TD - wanted).norm() <= BOUND * wanted.norm()


@pytest.mark.parametrize("strategy", ["ragged", "grouped"])
def test_padding_and_idle_experts_get_exactly_nothing(strategy: Strategy) -> None:
    torch.manual_seed(0)
    bank = ExpertBank(16, [GroupShape("glu", 4, 8, bias=True)])
    expert_TK = torch.tensor([[0, 2], [-1, -1], [2, -1]])
    x_TD, weight_TK = torch.randn(3, 16, requires_grad=True), torch.rand(3, 2, requires_grad=True)
    y_TD = sparse(bank, x_TD, expert_TK, weight_TK, strategy, dtype=torch.bfloat16)
    y_TD.backward(torch.randn_like(y_TD))
    assert y_TD[1].count_nonzero() == 0
    assert x_TD.grad is not None
    assert weight_TK.grad is not None
    assert x_TD.grad[1].count_nonzero() == 0
    assert (weight_TK.grad == 0).tolist() == (expert_TK < 0).tolist()
    for parameter in bank.parameters():
        assert parameter.grad is not None
        assert [bool(g.any()) for g in parameter.grad] == [True, False, True, False]


def soft_pass(dtype: str, **fields: Any) -> dict[str, Tensor]:
    """The output and all gradients of a layer in which nothing is selected."""
    layer = moe_layer(execution=f"sparse/{dtype}" if dtype else "sparse", **fields)
    x_BSD = torch.randn(3, 7, 8, generator=torch.Generator().manual_seed(5)).requires_grad_()
    y_BSD, _ = routed(layer, x_BSD)
    (y_BSD * torch.randn(y_BSD.shape, generator=torch.Generator().manual_seed(6))).sum().backward()
    assert x_BSD.grad is not None
    return {"y": y_BSD.detach(), "x": x_BSD.grad, **gradients(layer)}


@pytest.mark.parametrize("router", [SMEAR, SOFT], ids=["merged", "slots"])
@pytest.mark.parametrize("kind", KINDS)
def test_merged_experts_and_slots_multiply_in_bfloat16_too(kind: str, router: dict[str, Any]) -> None:
    exact, low = (soft_pass(dtype, **router, experts=[KINDS[kind]]) for dtype in ("", "bfloat16"))
    again = soft_pass("bfloat16", **router, experts=[KINDS[kind]])
    for name, found in low.items():
        assert found.dtype == torch.float32
        assert torch.equal(found, again[name])
        wanted = exact[name]
        # What the router gets is a difference of nearly equal experts: its relative error is larger.
        bound = 5 * BOUND if name.startswith("router") else BOUND
        assert (found - wanted).norm() <= bound * wanted.norm(), name
    assert not torch.equal(low["y"], exact["y"])


def test_in_bfloat16_too_experts_are_merged_piece_by_piece_in_the_type_of_their_parameters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    types = set()
    mixed = param_merge._mixed

    def seen(weight_GE: Tensor, stack: Tensor) -> Tensor:
        mixture = mixed(weight_GE, stack)
        types.add(mixture.dtype)
        return mixture

    monkeypatch.setattr(param_merge, "_mixed", seen)
    whole = soft_pass("bfloat16", **SMEAR)
    monkeypatch.setattr(param_merge, "MERGED_BYTES", 1)
    pieces = soft_pass("bfloat16", **SMEAR)
    assert types == {torch.float32}
    assert torch.equal(pieces["y"], whole["y"])
    for name, found in pieces.items():
        assert (found - whole[name]).norm() <= BOUND * whole[name].norm(), name


@pytest.mark.parametrize("attention", [{}, {"qk_norm": "head", "gate": True}, {"window": 2}])
def test_whole_layers_as_experts_multiply_in_bfloat16_too(attention: dict[str, Any]) -> None:
    body = {"kind": "attention", "heads": 2, "kv_heads": 1, **attention}
    parts = [{"body": body}, {"body": {"kind": "dense", "expert": {"kind": "glu", "hidden": 12}}}]
    found = []
    for dtype in ("float32", "bfloat16", "bfloat16"):
        block = block_of(build(of_whole_layers(layer={"parts": parts}), expert_dtype=dtype))
        y_BSD = through(block, tokens(), asked(0, 1, 2, 0, 1, 2))
        y_BSD.square().sum().backward()
        found.append({"y": y_BSD.detach(), **gradients(block.copies)})
    exact, low, again = found
    for name, value in low.items():
        assert value.dtype == torch.float32
        assert torch.equal(value, again[name])
        assert (value - exact[name]).norm() <= 2 * BOUND * exact[name].norm(), name
    assert not torch.equal(low["y"], exact["y"])


@settings(max_examples=40)
@given(st.data())
def test_slots_lie_by_expert_in_blocks(data: st.DataObject) -> None:
    tokens, k, experts = (data.draw(st.integers(low, 9)) for low in (0, 1, 1))
    block = data.draw(st.sampled_from([1, 4, 64]))
    ids = st.lists(st.integers(-1, experts - 1), min_size=tokens * k, max_size=tokens * k)
    expert_TK = torch.tensor(data.draw(ids), dtype=torch.int64).view(tokens, k)
    slots = sort_slots(expert_TK, experts, block)
    assert all(size % block == 0 for size in slots.sizes)
    assert sum(slots.sizes) == len(slots.token_N)
    owner_N = torch.arange(experts).repeat_interleave(torch.tensor(slots.sizes))
    live_S = expert_TK.reshape(-1) >= 0
    assert torch.equal(owner_N[slots.row_L], expert_TK.reshape(-1)[live_S])
    assert torch.equal(slots.token_N[slots.row_L], (torch.arange(tokens * k) // k)[live_S])
    assert len(set(slots.row_L.tolist())) == len(slots.row_L)
    for expert in range(experts):  # stable: in token order
        rows = slots.row_L[expert_TK.reshape(-1)[live_S] == expert]
        assert rows.tolist() == list(range(*_span(slots.sizes, expert, len(rows))))


def _span(sizes: list[int], expert: int, rows: int) -> tuple[int, int]:
    start = sum(sizes[:expert])
    return start, start + rows
