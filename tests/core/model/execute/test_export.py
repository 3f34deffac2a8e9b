"""The execution that can be exported equals the definition, and its two operators are what torch expects."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from core.model.execute.bracket import combine, dispatch
from core.model.execute.export import UnboundExperts, bracketed, unbind
from core.model.execute.reference import reference
from core.model.experts import ExpertBank, GroupShape

KINDS = [
    GroupShape("glu", 2, 4),
    GroupShape("glu", 1, 6, "gelu", bias=True),
    GroupShape("glu", 2, 4, alpha=1.7, limit=1.0),
    GroupShape("mlp", 2, 5, "relu2", bias=True),
    GroupShape("identity", 1),
    GroupShape("zero", 2),
]


def routed(tokens: int, k: int, experts: int, drop: float) -> tuple[Tensor, Tensor]:
    expert_TK = torch.rand(tokens, experts).argsort(1)[:, :k]
    expert_TK[torch.rand(tokens, k) < drop] = -1
    return expert_TK, torch.rand(tokens, k).masked_fill(expert_TK < 0, 0.0)


def defined(bank: ExpertBank, x_TD: Tensor, expert_TK: Tensor, weight_TK: Tensor) -> Tensor:
    chosen_TKE = torch.nn.functional.one_hot(expert_TK + 1, bank.count + 1)[..., 1:]
    weights_TE = (chosen_TKE * weight_TK[:, :, None]).sum(1)
    return reference(bank, x_TD, weights_TE, chosen_TKE.sum(1) > 0)


@settings(max_examples=40)
@given(st.data())
def test_equal_to_the_reference_with_all_gradients(data: st.DataObject) -> None:
    torch.manual_seed(data.draw(st.integers(0, 1000)))
    bank = ExpertBank(8, data.draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=3)))
    k = data.draw(st.integers(1, min(3, bank.count)))
    tokens, drop = data.draw(st.integers(0, 12)), data.draw(st.sampled_from([0.0, 0.4, 1.0]))
    expert_TK, weight_TK = routed(tokens, k, bank.count, drop)
    x_TD, dy_TD = torch.randn(2, tokens, 8)
    found = []
    for execute in (bracketed, defined):
        leaves = [x_TD.clone().requires_grad_(), weight_TK.clone().requires_grad_()]
        y_TD = execute(bank, leaves[0], expert_TK, leaves[1])
        wanted = [*leaves, *bank.parameters()]
        found.append([y_TD, *torch.autograd.grad(y_TD, wanted, dy_TD, materialize_grads=True)])
    for mine, theirs in zip(*found, strict=True):
        largest = theirs.detach().abs().max().item() if theirs.numel() else 0.0
        bound = 1e-5 * max(1.0, largest)
        torch.testing.assert_close(mine, theirs, rtol=0, atol=bound)


def test_gradcheck_of_both_operators() -> None:
    torch.manual_seed(0)
    expert_TK = torch.tensor([[0, 2], [2, -1], [-1, -1], [2, 0]])
    x_TD = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    weight_TK = torch.rand(4, 2, dtype=torch.float64, requires_grad=True)

    def run(x_TD: Tensor, weight_TK: Tensor) -> Tensor:
        *parts, row_S = dispatch(x_TD, expert_TK, 3)
        result: Tensor = combine([part.sin() for part in parts], row_S, weight_TK)
        return result

    assert torch.autograd.gradcheck(run, (x_TD, weight_TK))


def test_the_operators_keep_torchs_contract() -> None:
    expert_TK = torch.tensor([[0, 2], [2, -1]])
    x_TD = torch.randn(2, 3)
    tests = ("test_schema", "test_autograd_registration")
    torch.library.opcheck(dispatch, (x_TD, expert_TK, 3), test_utils=tests)
    *parts, row_S = dispatch(x_TD, expert_TK, 3)
    assert [len(part) for part in parts] == [1, 0, 2]
    assert row_S.tolist() == [0, 1, 2, 3]
    torch.library.opcheck(combine, (parts, row_S, torch.rand(2, 2)), test_utils=(*tests, "test_faketensor"))


def test_unbinding_changes_no_result_and_copies_no_matrix() -> None:
    torch.manual_seed(0)
    bank = ExpertBank(8, KINDS)
    expert_TK, weight_TK = routed(20, 3, bank.count, 0.1)
    x_TD = torch.randn(20, 8)
    before = bracketed(bank, x_TD, expert_TK, weight_TK)
    stack = bank.members()[0].get_parameter("down_EDH")
    cut = torch.nn.ModuleList([copy.copy(bank)])
    cut[0]._modules = {"groups": torch.nn.ModuleList(bank.groups)}
    unbind(cut)
    group = cut[0].groups[0]
    assert isinstance(group, UnboundExperts)
    assert group.get_parameter("experts.1.down").data_ptr() == stack[1].data_ptr()
    assert torch.equal(bracketed(cut[0], x_TD, expert_TK, weight_TK), before)
    names = {name for name, _ in cut[0].groups[1].named_parameters()}
    assert names == {f"experts.0.{n}" for n in ("gate_up", "down", "gate_up_bias", "down_bias")}


@pytest.mark.parametrize("weight", [float("nan"), float("inf")])
def test_an_expert_without_rows_stays_silent(weight: float) -> None:
    bank = ExpertBank(4, [GroupShape("mlp", 3, 4)])
    with torch.no_grad():
        bank.members()[0].get_parameter("up_EHD")[1].fill_(weight)
    y_TD = bracketed(bank, torch.randn(5, 4), torch.full((5, 1), 2), torch.ones(5, 1))
    assert torch.isfinite(y_TD).all()
