"""What holds for every token-choice method of the catalogue, I1 to I10; where it must not, that it fails."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

from core.design.bodies.moe import Moe as MoeSpec
from core.design.edits import apply
from core.design.presets.methods import METHODS, method_edit
from core.design.spec import Design, Norm
from core.model import vocabulary as vocabulary  # registers every torch class
from core.model.bodies.base import Place
from core.model.bodies.moe import Moe
from core.model.execute.reference import reference
from core.model.initialise import initialise
from core.model.passing import Pass
from core.model.routing.capacity import places
from core.model.routing.record import RoutingRecord
from tests.core.design.samples import digits_with_body
from tests.support import close, gradients, routed

D, B, S = 12, 3, 7
TASKS = ("digit", "parity", "ge5")
X = torch.randn(B, S, D, generator=torch.Generator().manual_seed(5))


@cache
def spec_of(name: str, experts: int = 6) -> MoeSpec:
    """The method over a layer of a few experts, two a token."""
    plain = digits_with_body(experts=[{"kind": "glu", "count": experts, "hidden": 24}])
    placed = next(p for p in plain.parts() if isinstance(p.part.body, MoeSpec))
    design = apply(plain, method_edit(plain, placed.pointer, name))
    assert isinstance(design, Design), design
    return next(p.part.body for p in design.parts() if isinstance(p.part.body, MoeSpec))


def layer_of(spec: MoeSpec, execution: str = "auto", training: bool = False) -> Moe:
    """Built, and moved away from its start, where some routers are all zero."""
    layer = Moe(spec, Place(D, Norm(), execution, 0, TASKS))
    initialise(layer, 0, 1)
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in layer.router.parameters():
            parameter += 0.5 * torch.randn(parameter.shape, generator=random)
        for balancer in layer.balancers():
            bias = balancer.selection_bias()
            if bias is not None:
                bias += 0.05 * torch.randn(bias.shape, generator=random)
    return layer.train(training)


def passed(**more: Any) -> Pass:
    return Pass(task_id=torch.tensor([0, 2, 0]), record="full", **more)


def changed(name: str, **router: Any) -> MoeSpec:
    """The method with fields of its router changed."""
    spec = spec_of(name)
    document = spec.model_dump(mode="json")
    document["router"] |= router
    return MoeSpec.model_validate(document)


def told(layer: Moe, x: Tensor = X, passing: Pass | None = None) -> RoutingRecord:
    record = routed(layer, x, passing or passed())[1].record
    assert record is not None
    return record


CHOOSING = [m.name for m in METHODS if spec_of(m.name).router.select.token_choice]
LIMITED = [name for name in CHOOSING if spec_of(name).router.capacity is not None]
every = pytest.mark.parametrize("name", CHOOSING)
dropless = pytest.mark.parametrize("name", [name for name in CHOOSING if name not in LIMITED])


def test_the_catalogue_has_them_all() -> None:
    assert len(CHOOSING) >= 20
    assert {"gshard", "moec", "switch", "st-moe", "v-moe"} == set(LIMITED)


@every
@pytest.mark.parametrize("training", [True, False])
def test_i1_every_token_selects_as_many_different_experts_as_it_may(name: str, training: bool) -> None:
    spec = changed(name, uncertain=None)
    record = told(layer_of(spec, training=training))
    assert record.selected_TK is not None
    select, E = spec.router.select, spec.count
    for row in record.selected_TK.tolist():
        named = [e for e in row if e >= 0]
        assert select.fewest(E) <= len(named) <= select.most(E)
        assert len(set(named)) == len(named)
        assert max(named) < E
    assert int(record.selected_E.sum()) == int((record.selected_TK >= 0).sum())


@every
def test_i2_accepted_are_among_selected_and_only_what_has_no_room_is_dropped(name: str) -> None:
    spec = spec_of(name)
    tight = {"train": 0.5, "eval": 0.5, "priority": "order"}
    record = told(layer_of(changed(name, capacity=tight)))
    assert record.expert_TK is not None
    assert record.selected_TK is not None
    kept = record.expert_TK >= 0
    assert torch.equal(record.expert_TK[kept], record.selected_TK[kept])
    k = spec.router.select.most(spec.count) if spec.router.select.ragged else record.selected_TK.shape[1]
    room = places(0.5, k, B * S, spec.count)
    assert torch.equal(record.counts_E, record.selected_E.clamp(max=room))
    assert int(record.selected_E.sum() - record.counts_E.sum()) == int(
        (record.selected_E - room).clamp(min=0).sum()
    )


#: Weights that are probabilities where all experts are taken.
SHARES = [n for n in CHOOSING if spec_of(n).router.weigh.kind in ("raw", "renormalised")]


@pytest.mark.parametrize("name", SHARES)
def test_i3_with_all_experts_it_is_the_dense_mixture(name: str) -> None:
    spec = spec_of(name)
    layer = layer_of(changed(name, select={"kind": "all"}, capacity=None))
    record = told(layer)
    assert record.probability_TE is not None
    x_TD = X.flatten(0, 1)
    weights_TE = spec.router.weigh.scale * record.probability_TE
    wanted = reference(layer.experts, x_TD, weights_TE, torch.ones_like(weights_TE, dtype=torch.bool))
    if layer.shared is not None:
        wanted = wanted + sum(g.rows(x_TD, e) for g in layer.shared.members() for e in range(g.count))
    assert close(routed(layer, X, passed())[0].flatten(0, 1), wanted)


@pytest.mark.parametrize("name", [n for n in SHARES if spec_of(n, 1).count == 1])
def test_i4_a_single_expert_with_weights_that_sum_to_one_is_that_expert(name: str) -> None:
    spec = spec_of(name, 1)
    layer = layer_of(spec)
    wanted = spec.router.weigh.scale * layer.experts.members()[0].rows(X.flatten(0, 1), 0)
    # More room than tokens, where there is a capacity at all.
    assert close(routed(layer, X, passed())[0].flatten(0, 1), wanted)


def neighbours(layer: Moe, spec: MoeSpec) -> tuple[int, int] | None:
    """Two experts of one group and one island."""
    size = spec.count // spec.islands
    for first, group in zip(layer.experts.starts, layer.experts.members(), strict=True):
        for e in range(first, first + group.count - 1):
            if e // size == (e + 1) // size:
                return e, e + 1
    return None


@every
def test_i5_two_experts_may_change_places(name: str) -> None:
    spec = spec_of(name)
    layer = layer_of(spec)
    pair = neighbours(layer, spec)
    if pair is None:
        assert len({group.inner for group in spec.experts}) == len(spec.experts)  # all of unequal width
        return
    order = torch.arange(spec.count)
    order[list(pair)] = order[list(pair)].flip(0)
    y, before = routed(layer, X, passed())[0], told(layer)
    with torch.no_grad():
        for first, group in zip(layer.experts.starts, layer.experts.members(), strict=True):
            if first <= pair[0] < first + group.count:
                for parameter in group.parameters():
                    parameter.copy_(parameter[order[first : first + group.count] - first])
        for tensor in of_experts(layer, spec.count):
            axis = list(tensor.shape).index(spec.count)
            tensor.copy_(tensor.index_select(axis, order))
    assert close(routed(layer, X, passed())[0], y)
    assert torch.equal(told(layer).counts_E, before.counts_E[order])


def of_experts(layer: Moe, experts: int) -> Iterator[Tensor]:
    """Whatever the router and its balancers keep for each expert."""
    for part in (layer.router, layer.balance):
        for tensor in (*part.parameters(), *part.buffers()):
            if experts in tensor.shape:
                yield tensor


@dropless
def test_i6_permuting_tokens_permutes_the_output(name: str) -> None:
    layer, order = layer_of(spec_of(name)), torch.randperm(S, generator=torch.Generator().manual_seed(0))
    assert close(routed(layer, X[:, order], passed())[0], routed(layer, X, passed())[0][:, order])


@pytest.mark.parametrize("name", LIMITED)
def test_i6_fails_where_earlier_tokens_take_the_places(name: str) -> None:
    layer = layer_of(changed(name, capacity={"train": 0.3, "eval": 0.3, "priority": "order"}))
    order = torch.arange(S).flip(0)
    assert not close(routed(layer, X[:, order], passed())[0], routed(layer, X, passed())[0][:, order], 1e-3)


@dropless
def test_a_token_gets_alone_what_it_gets_among_others(name: str) -> None:
    layer = layer_of(spec_of(name))
    alone = routed(layer, X[:1, :1], Pass(task_id=torch.tensor([0])))[0]
    assert close(alone, routed(layer, X, passed())[0][:1, :1])


@pytest.mark.parametrize(
    ("name", "training"),
    [("expert-choice", False), ("expert-choice", True), ("base", True), ("sinkhorn", True)],
)
def test_what_looks_at_the_batch_gives_a_token_something_else_alone(name: str, training: bool) -> None:
    layer = layer_of(spec_of(name), training=training)
    y = routed(layer, X, passed())[0]
    alone = [routed(layer, X[b : b + 1, s : s + 1], Pass())[0][0, 0] for b in range(B) for s in range(S)]
    assert not close(torch.stack(alone), y.flatten(0, 1), 1e-3)


@every
def test_i7_sparse_and_export_equal_reference_in_values_and_gradients(name: str) -> None:
    found = []
    for execution in ("sparse", "export", "reference"):
        layer, x = layer_of(spec_of(name), execution, training=True), X.clone().requires_grad_()
        y, known = routed(layer, x, passed())
        (y.square().sum() + torch.stack([*known.losses.values(), torch.zeros(())]).sum()).backward()
        assert x.grad is not None
        found.append({"y": y.detach(), "x": x.grad, **gradients(layer)})
    sparse, export, reference = found
    assert all(close(sparse[key], reference[key]) for key in reference)
    assert all(close(export[key], reference[key]) for key in reference)


@every
def test_i8_evaluating_twice_gives_the_same(name: str) -> None:
    layer = layer_of(spec_of(name))
    first, second = (routed(layer, X, passed(step=step))[0] for step in (1, 2))
    assert torch.equal(first, second)


def test_i8_does_not_hold_for_a_random_expert_whose_chance_follows_the_step() -> None:
    layer = layer_of(spec_of("thor"))
    first, second, third = (routed(layer, X, passed(step=step))[0] for step in (1, 2, 1))
    assert not torch.equal(first, second)
    assert torch.equal(first, third)


@every
def test_i9_experts_without_tokens_get_exactly_no_gradient(name: str) -> None:
    layer = layer_of(spec_of(name), training=True)
    x = X[:1, :2]
    y, known = routed(layer, x, Pass(task_id=torch.tensor([0]), record="full"))
    y.square().sum().backward()
    assert known.record is not None
    # Experts that score themselves learn that they were not good enough.
    scores_itself = spec_of(name).router.score.kind == "expert_norm"
    for first, group in zip(layer.experts.starts, layer.experts.members(), strict=True):
        for parameter in group.parameters():
            assert parameter.grad is not None
            assert parameter.grad.isfinite().all()
        for e in range(group.count):
            slopes = [bool(p.grad[e].abs().sum() > 0) for p in group.parameters() if p.grad is not None]
            used = int(known.record.counts_E[first + e]) > 0
            assert not slopes or any(slopes) == (used or scores_itself)


@every
def test_i10_padding_gets_zero_and_changes_no_other_token_and_no_figure(name: str) -> None:
    layer = layer_of(spec_of(name))
    mask = torch.ones(B, S, dtype=torch.bool)
    mask[:, 5:] = False
    y, known = routed(layer, X, passed(mask=mask))
    wanted, wanted_known = routed(layer, X[:, :5], passed())
    record, plain = known.record, wanted_known.record
    assert record is not None
    assert plain is not None
    assert (y[:, 5:] == 0).all()
    assert close(y[:, :5], wanted)
    assert torch.equal(record.counts_E, plain.counts_E)
    assert torch.equal(record.selected_E, plain.selected_E)
    assert record.tokens == 15
    assert all(close(known.losses[key], wanted_known.losses[key]) for key in wanted_known.losses)


@every
def test_in_training_padding_gets_zero_and_is_selected_by_nobody(name: str) -> None:
    layer = layer_of(spec_of(name), training=True)
    mask = torch.ones(B, S, dtype=torch.bool)
    mask[1, 3:] = False
    y, known = routed(layer, X, passed(mask=mask))
    record = known.record
    assert record is not None
    assert record.selected_TK is not None
    assert (y[1, 3:] == 0).all()
    assert (record.selected_TK.view(B, S, -1)[1, 3:] == -1).all()
    (y.square().sum() + torch.stack([*known.losses.values(), torch.zeros(())]).sum()).backward()
    assert all(slope.isfinite().all() for slope in gradients(layer).values())


@pytest.mark.parametrize(("scope", "axes"), [("example", (1,)), ("position", (0,)), ("batch", (0, 1))])
def test_tokens_that_decide_together_get_the_same_experts(scope: str, axes: tuple[int, ...]) -> None:
    expert_TK = told(layer_of(changed("top-k", scope=scope))).expert_TK
    assert expert_TK is not None
    chosen = first = expert_TK.view(B, S, -1)
    for axis in axes:
        first = first.select(axis, 0).unsqueeze(axis)
    assert (chosen == first).all()
    assert scope == "batch" or len(set(map(tuple, expert_TK.tolist()))) > 1
