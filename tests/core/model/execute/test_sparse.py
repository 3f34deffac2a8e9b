"""Sparse execution equals the reference, values and every gradient, in every strategy."""

import copy
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info
from torch import Tensor, nn

from core.model.execute import sparse as module
from core.model.execute.compiled import call
from core.model.execute.products import ByNumpy
from core.model.execute.reference import reference
from core.model.execute.slots import sort_slots
from core.model.execute.sparse import Strategy, choose, choose_without_c, compiles, sparse, threads_on
from core.model.experts import ExpertBank, ExpertGroup, GroupShape

STRATEGIES: tuple[Strategy, ...] = ("ragged", "grouped", "numpy", "compiled")
WIDTH = 8
SHAPES = st.builds(
    GroupShape,
    kind=st.sampled_from(["glu", "mlp"]),
    count=st.integers(1, 4),
    hidden=st.sampled_from([1, 4, 12]),
    activation=st.sampled_from(["silu", "gelu", "gelu_tanh", "relu", "relu2"]),
    bias=st.booleans(),
)
FREE = st.builds(GroupShape, kind=st.sampled_from(["zero", "identity"]), count=st.integers(1, 2))
CLAMPED = st.builds(
    GroupShape,
    kind=st.just("glu"),
    count=st.just(2),
    hidden=st.just(4),
    bias=st.booleans(),
    alpha=st.just(1.702),
    limit=st.just(0.05),
)


@pytest.mark.parametrize("strategy", ["hit", *STRATEGIES, None])
@pytest.mark.parametrize("expert", [3, 255, 256, 257, 511, 65_536, -2, -254, -256])
def test_an_expert_the_bank_lacks_is_an_error(strategy: Strategy | None, expert: int) -> None:
    bank = ExpertBank(WIDTH, [GroupShape("glu", 3, 4)])
    index_TK = torch.tensor([[0, -1], [2, expert]])
    with pytest.raises(ValueError, match=rf"expert {expert}, but the bank has experts 0 to 2.*To fix this"):
        sparse(bank, torch.zeros(2, WIDTH), index_TK, torch.ones(2, 2), strategy)


@pytest.mark.parametrize("strategy", ["hit", *STRATEGIES, None])
@pytest.mark.parametrize(
    ("x_TD", "index_TK", "weight_TK"),
    [
        (torch.zeros(2, WIDTH + 1), torch.zeros(2, 1, dtype=torch.int64), torch.ones(2, 1)),
        (torch.zeros(1, WIDTH), torch.zeros(2, 1, dtype=torch.int64), torch.ones(2, 1)),
        (torch.zeros(2, WIDTH), torch.zeros(2, 2, dtype=torch.int64), torch.ones(2, 1)),
        (torch.zeros(2, WIDTH), torch.zeros(2, 1, dtype=torch.int32), torch.ones(2, 1)),
        (torch.zeros(2, WIDTH), torch.zeros(2, 1, dtype=torch.int64), torch.ones(2, 1).double()),
        (torch.zeros(2, WIDTH).to("meta"), torch.zeros(2, 1, dtype=torch.int64), torch.ones(2, 1)),
    ],
    ids=["width", "tokens", "slots", "int32", "float64", "device"],
)
def test_what_does_not_go_together_is_an_error(
    strategy: Strategy | None, x_TD: Tensor, index_TK: Tensor, weight_TK: Tensor
) -> None:
    bank = ExpertBank(WIDTH, [GroupShape("glu", 1, 4)])
    for grad in (False, True):
        with torch.set_grad_enabled(grad), pytest.raises(ValueError, match="To fix this"):
            sparse(bank, x_TD, index_TK, weight_TK, strategy)


def test_every_expert_of_a_bank_of_255_is_its_own() -> None:
    assert sort_slots(torch.arange(-1, 255)[:, None], 255).sizes == [1] * 255
    with pytest.raises(ValueError, match="expert -2,"):
        sort_slots(torch.tensor([[-2]]), 255)


def dense(index_TK: Tensor, weight_TK: Tensor, experts: int) -> tuple[Tensor, Tensor]:
    """weights_TE, accepted_TE for the reference; a dropped slot goes to a column that is cut off."""
    column_TK = torch.where(index_TK < 0, experts, index_TK)
    empty = weight_TK.new_zeros(len(index_TK), experts + 1)
    return (
        empty.scatter(1, column_TK, weight_TK)[:, :experts],
        empty.scatter(1, column_TK, torch.ones_like(weight_TK))[:, :experts] > 0,
    )


def close(a: Tensor, b: Tensor) -> None:
    assert torch.isfinite(a).all()
    assert a.shape == b.shape
    if a.numel():
        assert (a - b).abs().max().item() <= 1e-5 * max(1.0, b.abs().max().item())


def compare(bank: ExpertBank, x_TD: Tensor, index_TK: Tensor, weight_TK: Tensor, strategy: Strategy) -> None:
    dy_TD = torch.randn(x_TD.shape, dtype=x_TD.dtype)
    results = []
    for run in (
        lambda x, w: sparse(bank, x, index_TK, w, strategy),
        lambda x, w: reference(bank, x, *dense(index_TK, w, bank.count)),
    ):
        leaves = [x_TD.clone().requires_grad_(), weight_TK.clone().requires_grad_()]
        y_TD = run(*leaves)
        grads = torch.autograd.grad(y_TD, [*leaves, *bank.parameters()], dy_TD, materialize_grads=True)
        results.append([y_TD, *grads])
    for mine, theirs in zip(*results, strict=True):
        close(mine, theirs)
    with torch.no_grad():
        close(sparse(bank, x_TD, index_TK, weight_TK, strategy), results[1][0])
        close(sparse(bank, x_TD, index_TK, weight_TK, "hit"), results[1][0])


def routed(tokens: int, k: int, experts: int, drop: float) -> tuple[Tensor, Tensor]:
    index_TK = torch.rand(tokens, experts).argsort(1)[:, :k]
    index_TK[torch.rand(tokens, k) < drop] = -1
    return index_TK, torch.rand(tokens, k)


@settings(max_examples=60)
@given(st.data())
def test_equal_over_random_banks(data: st.DataObject) -> None:
    shapes = data.draw(st.lists(SHAPES | SHAPES | FREE | CLAMPED, min_size=1, max_size=3))
    torch.manual_seed(data.draw(st.integers(0, 1000)))
    bank = ExpertBank(WIDTH, shapes)
    k = data.draw(st.integers(1, min(4, bank.count)) | st.just(bank.count))
    tokens = data.draw(st.integers(0, 20))
    index_TK, weight_TK = routed(tokens, k, bank.count, data.draw(st.sampled_from([0.0, 0.3, 1.0])))
    run_bytes = data.draw(st.sampled_from([1, 200, 2**21]))
    strategy = data.draw(st.sampled_from(STRATEGIES))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "RUN_BYTES", run_bytes)
        patch.setattr(call, "RUN_BYTES", run_bytes)
        compare(bank, torch.randn(tokens, WIDTH), index_TK, weight_TK, strategy)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    "shapes",
    [(GroupShape("glu", 5, 16),), (GroupShape("mlp", 2, 8, "gelu", True), GroupShape("glu", 3, 16))],
    ids=["uniform", "mixed"],
)
def test_all_tokens_to_one_expert(strategy: Strategy, shapes: Sequence[GroupShape]) -> None:
    torch.manual_seed(0)
    bank = ExpertBank(16, shapes)
    compare(bank, torch.randn(40, 16), torch.full((40, 1), 3), torch.rand(40, 1), strategy)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_idle_experts_get_exactly_zero_gradient_and_dropped_tokens_exactly_zero_output(
    strategy: Strategy,
) -> None:
    torch.manual_seed(0)
    bank = ExpertBank(16, [GroupShape("glu", 6, 8, bias=True)])
    index_TK = torch.tensor([[0, 2], [-1, -1], [2, -1], [4, 0]])
    x_TD, weight_TK = torch.randn(4, 16, requires_grad=True), torch.rand(4, 2, requires_grad=True)
    y_TD = sparse(bank, x_TD, index_TK, weight_TK, strategy)
    y_TD.backward(torch.randn_like(y_TD))
    assert y_TD[1].count_nonzero() == 0
    assert x_TD.grad is not None
    assert weight_TK.grad is not None
    assert x_TD.grad[1].count_nonzero() == 0
    assert (weight_TK.grad == 0).tolist() == (index_TK < 0).tolist()
    for parameter in bank.parameters():
        assert parameter.grad is not None
        assert [bool(g.any()) for g in parameter.grad] == [True, False, True, False, True, False]


@pytest.mark.parametrize("weight", [float("nan"), float("inf")])
def test_whatever_weight_a_dropped_slot_carries_adds_nothing(weight: float) -> None:
    bank = ExpertBank(8, [GroupShape("glu", 2, 4)])
    x_TD = torch.randn(3, 8)
    index_TK = torch.tensor([[0, -1], [1, 0], [-1, -1]])
    weight_TK = torch.tensor([[0.5, weight], [0.5, 0.5], [weight, weight]])
    close(
        sparse(bank, x_TD, index_TK, weight_TK), sparse(bank, x_TD, index_TK, weight_TK.nan_to_num(0, 0, 0))
    )


@pytest.mark.parametrize(
    "shape",
    [GroupShape("glu", 3, 4, bias=True), GroupShape("mlp", 3, 4, "gelu_tanh"), GroupShape("identity", 3)],
)
def test_gradcheck_in_double_precision(shape: GroupShape) -> None:
    torch.manual_seed(0)
    bank = ExpertBank(4, [shape]).double()
    index_TK = torch.tensor([[0, 2], [2, -1], [-1, -1], [2, 0]])
    names = [name for name, _ in bank.named_parameters()]

    def run(x_TD: Tensor, weight_TK: Tensor, *parameters: Tensor) -> Any:
        named = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(
            Runner(bank), {f"bank.{n}": p for n, p in named.items()}, (x_TD, index_TK, weight_TK)
        )

    leaves = [torch.randn(4, 4), torch.rand(4, 2), *(p.detach().clone() for p in bank.parameters())]
    assert torch.autograd.gradcheck(run, [leaf.double().requires_grad_() for leaf in leaves])


class Runner(nn.Module):
    """`sparse` as a module, to swap its parameters."""

    def __init__(self, bank: ExpertBank) -> None:
        super().__init__()
        self.bank = bank

    def forward(self, x_TD: Tensor, index_TK: Tensor, weight_TK: Tensor) -> Tensor:
        return sparse(self.bank, x_TD, index_TK, weight_TK)


class Scaled(ExpertGroup):
    """An unusual expert: a learned scale per expert."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__(count)
        self.scale_ED = nn.Parameter(torch.randn(count, width))

    def rows(self, x_ND: Tensor, expert: int) -> Tensor:
        return torch.tanh(x_ND * self.scale_ED[expert])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_unusual_group_between_usual_ones(strategy: Strategy) -> None:
    torch.manual_seed(0)
    bank = ExpertBank(8, [GroupShape("glu", 2, 4), Scaled(2, 8), GroupShape("mlp", 2, 4, "relu")])
    compare(bank, torch.randn(12, 8), *routed(12, 3, 6, 0.2), strategy)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_only_what_requires_gradients_gets_them(strategy: Strategy) -> None:
    torch.manual_seed(0)
    bank = ExpertBank(8, [GroupShape("glu", 3, 4)])
    index_TK, weight_TK = routed(6, 2, 3, 0)
    x_TD = torch.randn(6, 8)
    sparse(bank, x_TD, index_TK, weight_TK, strategy).sum().backward()
    full = [p.grad for p in bank.parameters()]
    frozen = copy.deepcopy(bank).requires_grad_(False)
    assert not sparse(frozen, x_TD, index_TK, weight_TK, strategy).requires_grad
    down = frozen.members()[0].get_parameter("down_EDH").requires_grad_()
    down.grad = None
    sparse(frozen, x_TD, index_TK, weight_TK, strategy).sum().backward()
    assert down.grad is not None
    assert full[1] is not None
    close(down.grad, full[1])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_permuting_tokens_permutes_the_output_and_backward_can_run_twice(strategy: Strategy) -> None:
    torch.manual_seed(0)
    bank = ExpertBank(8, [GroupShape("glu", 4, 8)])
    index_TK, weight_TK = routed(10, 2, 4, 0)
    x_TD = torch.randn(10, 8, requires_grad=True)
    order = torch.randperm(10)
    y_TD = sparse(bank, x_TD, index_TK, weight_TK, strategy)
    close(sparse(bank, x_TD[order], index_TK[order], weight_TK[order], strategy), y_TD[order])
    first = torch.autograd.grad(y_TD.sum(), x_TD, retain_graph=True)[0]
    assert torch.equal(torch.autograd.grad(y_TD.sum(), x_TD)[0], first)


def test_many_experts_sort_by_sixteen_bits() -> None:
    torch.manual_seed(0)
    bank = ExpertBank(4, [GroupShape("mlp", 300, 4)])
    compare(bank, torch.randn(50, 4), *routed(50, 3, 300, 0.1), "ragged")


@pytest.mark.parametrize("wrong", [2, 254, 300])
def test_an_expert_the_bank_lacks_is_refused(wrong: int) -> None:
    bank = ExpertBank(4, [GroupShape("mlp", 2, 4)])
    with pytest.raises(ValueError, match="To fix this"):
        sparse(bank, torch.randn(3, 4), torch.tensor([[0], [wrong], [1]]), torch.ones(3, 1), "ragged")


def test_the_choice_of_strategy() -> None:
    assert choose_without_c(1, 8, 64, 2) == choose(1, 8, 64, None) == "grouped"
    assert choose_without_c(256, 8, 64, 2) == choose(256, 8, 64, None) == "grouped"
    assert choose_without_c(2048, 2, 8, 2) == choose(2048, 2, 8, None) == "ragged"
    assert choose_without_c(2048, 2, 8, 1) == "numpy"
    for threads in (1, 2, 8):
        inferior = choose_without_c(2048, 2, 8, threads)
        assert choose(2048, 2, 8, threads) == ("compiled" if compiles(threads) else inferior)
    assert choose(2048, 2, 8, 9) == "ragged"  # a thread would have no expert


def test_the_choice_counts_experts_that_multiply(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(module, "choose", lambda *about: asked.append(about) or "ragged")
    bank = ExpertBank(4, [GroupShape("glu", 1, 4), GroupShape("zero", 6), GroupShape("identity", 1)])
    sparse(bank, torch.randn(5, 4), torch.tensor([[0, 7]] * 5), torch.rand(5, 2))
    assert [about[:3] for about in asked] == [(5, 1, 1)]


@pytest.mark.parametrize(("tokens", "hits"), [(2, 1), (5, 0)])
def test_single_tokens_are_decoded_one_by_one_unless_they_train(
    monkeypatch: pytest.MonkeyPatch, tokens: int, hits: int
) -> None:
    calls = []
    monkeypatch.setattr(module, "hit", lambda *arguments: calls.append(arguments) or torch.zeros(0))
    bank, x_TD = ExpertBank(8, [GroupShape("glu", 3, 4)]), torch.randn(tokens, 8)
    routing = routed(tokens, 2, 3, 0)
    sparse(bank, x_TD, *routing)
    assert not calls
    with torch.no_grad():
        sparse(bank, x_TD, *routing)
    assert len(calls) == hits


def test_numpy_takes_one_thread() -> None:
    ByNumpy(torch.ones(1, 2, 2))
    assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {1}


def test_neither_numpy_nor_c_is_chosen_for_what_they_lack() -> None:
    assert threads_on(torch.device("cpu"), torch.float32) == torch.get_num_threads()
    assert threads_on(torch.device("cpu"), torch.bfloat16) is None
    assert threads_on(torch.device("meta"), torch.float32) is None
