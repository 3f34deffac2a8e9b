"""A resolved plan is definite, and measuring leaves no trace in the training."""

import pytest
import torch

from core.design.presets.pieces import attention, decoder, glu, layer, moe, repeat, router
from core.design.spec import Design
from core.train import resolve as resolving
from core.train.resolve import DEFAULT_STEPS, Rehearsal, resolve
from tests.core.train.tiny import text_data, tiny_design, tiny_plan


def test_a_plan_with_steps_keeps_them() -> None:
    plan = resolve(tiny_design(), tiny_plan(steps=7, execution="auto"), text_data())
    assert (plan.steps, plan.threads, plan.seconds) == (7, 1, None)
    assert plan.execution in ("ragged", "grouped", "numpy", "compiled")
    assert resolve(tiny_design(), plan, text_data()) == plan
    assert resolve(tiny_design(), tiny_plan(steps=0), text_data()).steps == 0


def test_neither_steps_nor_seconds_is_a_default_length() -> None:
    assert resolve(tiny_design(), tiny_plan(steps=None), text_data()).steps == DEFAULT_STEPS


def test_steps_count_before_seconds() -> None:
    assert resolve(tiny_design(), tiny_plan(steps=7, seconds=1), text_data()).steps == 7


def test_a_budget_becomes_the_steps_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of 0.1 s, an evaluation of 0.6 s every 6 steps: 0.2 s a step, and three evaluations apart."""
    clock = {"step": 0.1, "_evaluate": 0.6}
    monkeypatch.setattr(resolving, "timed", lambda work: clock[work.__name__])
    plan = resolve(tiny_design(), tiny_plan(steps=None, seconds=11.9), text_data())
    assert (plan.steps, plan.seconds) == (50, None)
    tight = resolve(tiny_design(), tiny_plan(steps=None, seconds=0.01), text_data())
    assert tight.steps == 1


@pytest.mark.parametrize(("slow", "fast", "chosen"), [(0.10, 0.09, 1), (0.10, 0.05, 4), (0.1, 0.5, 1)])
def test_more_threads_only_where_they_are_clearly_faster(
    monkeypatch: pytest.MonkeyPatch, slow: float, fast: float, chosen: int
) -> None:
    monkeypatch.setattr(resolving.os, "sched_getaffinity", lambda _: range(4))
    monkeypatch.setattr(resolving, "timed", lambda _: slow if torch.get_num_threads() == 1 else fast)
    before = torch.get_num_threads()
    assert resolve(tiny_design(), tiny_plan(threads=None), text_data()).threads == chosen
    assert torch.get_num_threads() == before


def test_a_single_core_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolving.os, "sched_getaffinity", lambda _: {0})
    with Rehearsal(tiny_design(), tiny_plan(), text_data()) as rehearsal:
        assert rehearsal.best_threads() == 1
        assert rehearsal.done == 1


@pytest.mark.parametrize(
    ("ways", "pays", "chosen"),
    [
        ({6: "grouped"}, True, ("grouped", "bfloat16")),
        ({6: "ragged"}, False, ("ragged", "float32")),
    ],
)
def test_auto_becomes_what_the_layers_shapes_run_fastest_with(
    monkeypatch: pytest.MonkeyPatch, ways: dict[int, str], pays: bool, chosen: tuple[str, str]
) -> None:
    shapes = []
    monkeypatch.setattr(resolving, "fastest", lambda shape: shapes.append(shape) or ways[6])
    monkeypatch.setattr(resolving, "bfloat16_pays", lambda _: pays)
    plan = resolve(tiny_design(), tiny_plan(steps=3, execution="auto", expert_dtype="auto"), text_data())
    assert (plan.execution, plan.expert_dtype) == chosen
    assert {(shape.tokens, shape.k, shape.width) for shape in shapes} == {(plan.batch * 8, 2, 8)}


def test_layers_of_different_shapes_each_have_their_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    tall, flat = (layer(attention(2), moe([glu(hidden, 4)], router(2))) for hidden in (4, 12))
    design = tiny_design().model_dump() | {"stacks": decoder(repeat(2, tall), repeat(1, flat))}
    asked = []
    named = {4: "grouped", 12: "ragged"}
    monkeypatch.setattr(resolving, "fastest", lambda s: asked.append(s) or named[s.groups[0].hidden])
    plan = resolve(Design.model_validate(design), tiny_plan(steps=3, execution="auto"), text_data())
    assert plan.execution == {"decoder.0.1": "grouped", "decoder.1.1": "grouped", "decoder.2.1": "ragged"}
    assert len(set(asked)) == 2


def test_reference_runs_in_float32_and_what_is_named_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolving, "bfloat16_pays", lambda _: True)
    plan = resolve(tiny_design(), tiny_plan(execution="reference", expert_dtype="auto"), text_data())
    assert (plan.execution, plan.expert_dtype) == ("reference", "float32")
    monkeypatch.setattr(resolving, "Rehearsal", None)
    named = tiny_plan(execution="ragged", expert_dtype="bfloat16")
    assert resolve(tiny_design(), named, text_data()) == named
