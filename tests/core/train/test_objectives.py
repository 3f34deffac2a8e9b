"""Objectives against sums of losses by hand; what each refuses; interrupted as if it was not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from core.data.base import Batch
from core.design.base import Choice
from core.design.edits import parse
from core.design.facts import DataFacts
from core.design.plan import Objective as Spec
from core.design.plan import Plan
from core.design.rules import check
from core.design.spec import Design
from core.design.suited import suggested_objective
from core.design.tasks.base import Head
from core.model.build import build
from core.model.model import Model
from core.model.passing import Pass
from core.train import checkpoint
from core.train import vocabulary as vocabulary
from core.train.errors import NotFiniteError, TrainingError
from core.train.objective import head_losses, total
from core.train.objectives.base import OBJECTIVES, Work
from core.train.objectives.two_pass_consistency import divergence
from core.train.optimizer import make_optimizer
from core.train.step import advance, batch_of
from tests.core.train.tiny import Killed, Run, killed_at, text_data, tiny_design, tiny_plan
from tests.support import close, gradients

HEADS = (
    Head(name="kind", size=3, weight=2.0),
    Head(name="odd", kind="binary"),
    Head(name="price", kind="value"),
)
B = 12
NOISY: dict[str, Any] = {"modifiers": [{"kind": "jitter", "epsilon": 0.3}]}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def table(balance: tuple[dict[str, Any], ...] = (), tasks: tuple[str, ...] = (), **router: Any) -> Design:
    """A model of a table with three heads and one MoE layer."""
    axes = {
        "score": {"kind": "linear"},
        "select": {"kind": "top_k", "k": 2},
        "weigh": {"kind": "raw"},
        "combine": {"kind": "output_mix"},
    }
    experts = [{"kind": "mlp", "count": 4, "hidden": 6}]
    body = {"kind": "moe", "experts": experts, "router": axes | router, "balance": balance}
    task = {
        "kind": "table",
        "features": 5,
        "heads": [head.model_dump() for head in HEADS],
        "tasks": tasks,
    }
    stack = {"causal": False, "layers": [{"pattern": [{"parts": [{"body": body}]}]}]}
    made = parse({"width": 8, "task": task, "stacks": [stack]})
    assert isinstance(made, Design), made
    return made


def examples(tasks: int = 3) -> Batch:
    rng = np.random.default_rng(0)
    return Batch(
        rng.random((B, 5), np.float32),
        {
            "kind": rng.integers(-1, 3, B),
            "odd": np.where(rng.random(B) < 0.2, np.nan, rng.integers(0, 2, B)).astype(np.float32),
            "price": rng.standard_normal(B).astype(np.float32),
        },
        (np.arange(B) % 2).astype(np.int16),
        np.arange(B),
        rng.integers(0, tasks, B),
    )


def work(model: Model, batch: Batch) -> Work:
    task_id = None if batch.task_id is None else torch.from_numpy(batch.task_id)
    domain = torch.from_numpy(batch.domain)
    return Work(model, batch, Pass(task_id=task_id, domain=domain, domains=2, step=3, record="counts"))


def built(kind: str, **values: Any) -> Any:
    return OBJECTIVES.build(Plan.model_validate({"objective": {"kind": kind} | values}).objective)


def by_hand(model: Model, at: Work, **circumstances: Any) -> tuple[Any, Tensor, Tensor]:
    """(logits, loss of all heads, loss of balancers) of one pass."""
    output = model(at.inputs, replace(at.passing, **circumstances))
    heads = head_losses(output.logits, at.targets, HEADS)
    return output, total(heads), torch.stack([*output.losses.values(), torch.zeros(())]).sum()


def same_gradients(model: Model, wanted: dict[str, Tensor]) -> None:
    for name, gradient in gradients(model).items():
        assert close(gradient, wanted[name], 1e-6), name


def test_every_objective_has_a_class() -> None:
    assert set(OBJECTIVES.builders) == set(Choice.known["objective"].members.values())


BALANCE = ({"kind": "load_balance", "coefficient": 0.1},)


@pytest.mark.parametrize("strength", [0.0, 5.0])
def test_two_passes_are_both_losses_and_their_divergence(strength: float) -> None:
    model = build(table(BALANCE, **NOISY), execution="reference")
    at = work(model, examples())
    (one, a, balance_a), (other, b, balance_b) = (by_hand(model, at, pass_index=i) for i in (0, 1))
    heads = head_losses(one.logits, at.targets, HEADS)
    apart = divergence(heads, one.logits, other.logits)
    (a + b + balance_a + balance_b + strength * apart).backward()
    wanted = gradients(model)
    model.zero_grad()
    found = built("two_pass_consistency", strength=strength).run(at)
    same_gradients(model, wanted)
    assert found.losses["loss"] == pytest.approx((a + b).item() / 2, rel=1e-6)
    assert found.losses["consistency"] == pytest.approx(strength * apart.item(), rel=1e-5)
    assert apart > 1e-6
    (record,) = found.records.values()
    assert int(record.counts_E.sum()) == 2 * B * 2
    assert int(record.counts_NE.sum()) == 2 * B * 2


def test_the_divergence_is_symmetric_zero_where_equal_and_blind_to_missing_labels() -> None:
    torch.manual_seed(0)
    one, other = (
        {"kind": torch.randn(B, 3), "odd": torch.randn(B, 1), "price": torch.randn(B, 1)} for _ in "ab"
    )
    targets = {name: torch.from_numpy(t) for name, t in examples().targets.items()}
    heads = head_losses(one, targets, HEADS)
    there, back = divergence(heads, one, other), divergence(heads, other, one)
    assert there > 0
    assert there.item() == pytest.approx(back.item(), rel=1e-6)
    assert divergence(heads, one, one) == 0
    changed = {name: t.clone() for name, t in other.items()}
    changed["kind"][targets["kind"] < 0] = 9.0
    changed["odd"][targets["odd"].isnan()] = -9.0
    assert divergence(heads, one, changed).item() == pytest.approx(there.item(), rel=1e-6)


def test_each_kinds_divergence_is_torchs_own() -> None:
    torch.manual_seed(1)
    kind, odd, price = HEADS
    a, b = torch.randn(B, 3), torch.randn(B, 3)
    of = torch.distributions
    _compare(kind, a, b, [of.Categorical(logits=each) for each in (a, b)], torch.zeros(B, dtype=torch.long))
    a, b = torch.randn(B, 1), torch.randn(B, 1)
    _compare(odd, a, b, [of.Bernoulli(logits=each[:, 0]) for each in (a, b)], torch.zeros(B))
    _compare(price, a, b, [of.Normal(each[:, 0], 0.5**0.5) for each in (a, b)], torch.zeros(B))


def _compare(head: Head, a: Tensor, b: Tensor, answers: list[Any], target: Tensor) -> None:
    p, q = answers
    of = torch.distributions.kl_divergence
    wanted = head.weight * 0.5 * (of(p, q) + of(q, p)).mean()
    heads = head_losses({head.name: a}, {head.name: target}, (head,))
    found = divergence(heads, {head.name: a}, {head.name: b})
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)


RANDOM: dict[str, Any] = {
    "score": {"kind": "uniform"},
    "select": {"kind": "sample_one"},
    "weigh": {"kind": "ones"},
}
GATED: dict[str, Any] = {"condition": {"kind": "task_gate"}}


@pytest.mark.parametrize("router", [{}, GATED, GATED | NOISY], ids=["plain", "gates", "noisy"])
def test_gradients_of_tasks_add_up_to_that_of_the_summed_loss(router: dict[str, Any]) -> None:
    model = build(table(BALANCE, **router), execution="reference")
    at = work(model, examples())
    targets = {name: torch.from_numpy(t) for name, t in at.batch.targets.items()}
    summed, parts = torch.zeros(()), 0.0
    for task, head in enumerate(HEADS):
        target = targets[head.name]
        known_B = torch.nonzero(target >= 0 if head.kind == "classes" else ~target.isnan())[:, 0]
        passing = replace(
            at.passing,
            task_id=torch.full_like(known_B, task),
            domain=at.passing.domain[known_B],
            pass_index=task,
        )
        output = model(at.inputs[known_B], passing)
        loss = total(head_losses(output.logits, {head.name: target[known_B]}, (head,)))
        summed, parts = summed + loss + output.losses["load_balance"], parts + loss.item()
    summed.backward()
    wanted = gradients(model)
    model.zero_grad()
    found = built("per_task_accumulate").run(at)
    same_gradients(model, wanted)
    assert found.losses["loss"] == pytest.approx(parts, rel=1e-6)
    assert [head.head.name for head in found.heads] == ["kind", "odd", "price"]
    (record,) = found.records.values()
    labels = sum(int(head.labelled.sum()) for head in found.heads)
    assert int(record.counts_E.sum()) == 2 * labels


def test_tasks_that_are_kinds_of_examples_sum_to_the_single_loss() -> None:
    model = build(table(tasks=("a", "b")), execution="reference")
    batch = examples(tasks=2)
    targets: dict[str, Any] = {
        "kind": np.zeros(B, np.int64),
        "odd": np.ones(B, np.float32),
        "price": np.ones(B, np.float32),
    }
    at = work(model, replace(batch, targets=targets))
    one = built("single").run(at)
    wanted = gradients(model)
    model.zero_grad()
    each = built("per_task_accumulate").run(at)
    same_gradients(model, wanted)
    assert each.losses["loss"] == pytest.approx(one.losses["loss"], rel=1e-6)
    for found, expected in zip(each.heads, one.heads, strict=True):
        torch.testing.assert_close(found.loss, expected.loss)
    without = replace(at, passing=replace(at.passing, task_id=None))
    with pytest.raises(TrainingError, match=r"does not say which task.*To fix this"):
        built("per_task_accumulate").run(without)


def test_only_the_question_asked_counts_where_a_router_reads_the_task() -> None:
    batch = examples()
    assert batch.task_id is not None
    for router, questions in (({}, 3), (GATED, 1)):
        found = built("single").run(work(build(table(**router), execution="reference"), batch)).heads
        labels = torch.stack([head.labelled for head in found])
        assert int(labels.sum(0).max()) == questions
        if questions == 1:
            asked = torch.nn.functional.one_hot(torch.from_numpy(batch.task_id), 3).T.bool()
            assert not (labels & ~asked).any()


def test_one_optimizer_step_for_all_tasks() -> None:
    design = table(**GATED)
    model = build(design, execution="reference")
    plan = Plan(steps=4, objective={"kind": "per_task_accumulate"})
    optimizer = make_optimizer(model, plan.optimizer)
    advance(model, optimizer, plan, examples(), 2, 0)
    assert {int(state["step"]) for state in optimizer.state.values()} == {1}
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("kind", ["single", "per_task_accumulate", "two_pass_consistency"])
def test_a_selection_bias_moves_once_a_step_however_many_passes_it_has(kind: str) -> None:
    model = build(table(balance=({"kind": "bias_update", "step": 0.25},), **GATED, **NOISY))
    plan = Plan(steps=4, objective={"kind": kind})
    optimizer = make_optimizer(model, plan.optimizer)
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    biases = [buffer for name, buffer in model.named_buffers() if name.endswith("bias")]
    assert biases
    assert not held & {id(bias) for bias in biases}
    for step in (1, 2):
        before = [bias.clone() for bias in biases]
        advance(model, optimizer, plan, examples(), 2, step)
        for bias, was in zip(biases, before, strict=True):
            assert set((bias - was).abs().tolist()) <= {0.0, 0.25}
            assert (bias != was).any()
    after = [bias.clone() for bias in biases]
    batch = examples()
    with torch.no_grad():
        told = Pass(task_id=torch.zeros(len(batch.inputs), dtype=torch.long), record="full")
        model.eval()(torch.from_numpy(batch.inputs), told)
    assert all(torch.equal(bias, was) for bias, was in zip(biases, after, strict=True))


def test_a_later_pass_that_is_not_finite_leaves_no_gradient() -> None:
    model = build(table(**GATED), execution="reference")
    plan = Plan(steps=4, objective={"kind": "per_task_accumulate"})
    batch = examples()
    broken = replace(batch, targets={**batch.targets, "price": np.full(B, np.inf, np.float32)})
    with pytest.raises(NotFiniteError, match="Loss became infinite"):
        advance(model, make_optimizer(model, plan.optimizer), plan, broken, 2, 0)
    assert all(p.grad is None for p in model.parameters())


FACTS = DataFacts(name="rows", kind="table", domains=("a", "b"), heads=HEADS, features=5, has_task_id=True)


@pytest.mark.parametrize(
    ("design", "objective", "facts", "says"),
    [
        (table(), "two_pass_consistency", FACTS, "both would be the same"),
        (table(**NOISY), "two_pass_consistency", FACTS, None),
        (table(), "per_task_accumulate", FACTS, None),
        (table(tasks=("a", "b")), "per_task_accumulate", FACTS, None),
        (
            table(tasks=("a", "b")),
            "per_task_accumulate",
            FACTS.model_copy(update={"has_task_id": False}),
            "which task",
        ),
        (tiny_design(), "per_task_accumulate", text_data().facts, "one task only"),
    ],
)
def test_an_objective_with_nothing_to_work_on_is_refused(
    design: Design, objective: str, facts: DataFacts, says: str | None
) -> None:
    plan = Plan(steps=1, objective={"kind": objective})
    found = [p for p in check(design, plan, facts, stage="train") if p.code == "plan-objective"]
    assert [says in p.message for p in found if says] == ([True] if says else [])
    assert len(found) == (says is not None)
    assert all(p.edits == () for p in found)


@pytest.mark.parametrize(
    ("router", "kind"),
    [
        ({}, "single"),
        (GATED, "per_task_accumulate"),
        ({"condition": {"kind": "task_concat"}}, "per_task_accumulate"),
        ({"condition": {"kind": "task_embedding"}}, "single"),
        (RANDOM, "two_pass_consistency"),
        (RANDOM | {"select": {"kind": "sample_one", "train": "token"}}, "single"),
    ],
)
def test_values_suggest_what_they_are_trained_with(router: dict[str, Any], kind: str) -> None:
    found: Spec = suggested_objective(table(**router))
    assert found.kind == kind


@pytest.mark.parametrize(
    "values",
    [
        {"objective": {"kind": "two_pass_consistency", "strength": 2.0}},
        {"freeze": ("layers.decoder.0.1.body.router",), "freeze_after": 0.5, "sampling": 2.0},
    ],
    ids=lambda values: next(iter(values)),
)
def test_interrupted_is_as_if_it_was_not(tmp_path: Path, values: dict[str, Any]) -> None:
    whole, broken = (Run(tmp_path / name, tiny_plan(**values)) for name in "ab")
    whole.train()
    with pytest.raises(Killed):
        broken.train(emit=killed_at(9, broken.said))
    broken.train()
    assert broken.rows() == whole.rows()
    _same_weights(whole, broken)


def test_interrupted_between_tasks_is_as_if_it_was_not() -> None:
    """The state after each step is all there is: a step from it is the same step."""
    design, plan = table(BALANCE, **GATED, **NOISY), Plan(steps=4, objective={"kind": "per_task_accumulate"})
    found = []
    for stop in (None, 2):
        model = build(design, execution="reference")
        optimizer = make_optimizer(model, plan.optimizer)
        for step in range(4):
            if step == stop:
                kept, moments = model.state_dict(), optimizer.state_dict()
                model = build(design, seed=9, execution="reference")
                model.load_state_dict(kept)
                optimizer = make_optimizer(model, plan.optimizer)
                optimizer.load_state_dict(moments)
            advance(model, optimizer, plan, examples(), 2, step)
        found.append(model.state_dict())
    for name, tensor in found[0].items():
        assert torch.equal(tensor, found[1][name]), name


def _same_weights(one: Run, other: Run) -> None:
    kept = checkpoint.load(other.folder, 12).model
    for name, tensor in checkpoint.load(one.folder, 12).model.items():
        assert torch.equal(tensor, kept[name]), name


def test_frozen_from_half_on(tmp_path: Path) -> None:
    router = "layers.decoder.0.1.body.router"
    run = Run(tmp_path / "run", tiny_plan(freeze=(router,), freeze_after=0.5))
    run.train()
    last, before = (checkpoint.load(run.folder, step).model for step in (12, 8))
    start = build(run.design, seed=run.plan.seed).state_dict()
    name = f"{router}.score.weight"
    assert torch.equal(last[name], before[name])
    assert not torch.equal(last[name], start[name])
    assert not torch.equal(last["final_norm.weight"], before["final_norm.weight"])
    with pytest.raises(TrainingError, match="no parameter's name begins so"):
        Run(tmp_path / "wrong", tiny_plan(freeze=("zzz",), freeze_after=0.5)).train()


def test_sampling_weighs_domains_by_size() -> None:
    data, design = text_data(), tiny_design()
    model = build(design)
    data.sizes = lambda: {"vowels": 9, "digits": 1}
    shares = []
    for temperature in (1.0, 2.0, 1000.0):
        plan = tiny_plan(sampling=temperature, batch=400)
        shares.append(float((batch_of(data, plan, model, 0).domain == 0).mean()))
    domains = data.facts.domains
    wanted = [0.9, 0.75, 0.5] if domains[0] == "vowels" else [0.1, 0.25, 0.5]
    assert shares == pytest.approx(wanted, abs=0.01)
    both = tiny_plan(sampling=2.0, mixture={"vowels": 1.0})
    (problem,) = (p for p in check(design, both, data.facts, stage="train") if p.code == "plan-mixture")
    assert "twice" in problem.message
