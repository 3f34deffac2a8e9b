"""The two laws of check, on random designs."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import HealthCheck, given, settings

from core.design.edits import apply
from core.design.problems import Problem
from core.design.rules import check, errors, faults
from core.design.spec import Design
from core.model.build import build
from tests.strategies import any_designs, designs
from tests.support import gradients, inputs_for, loss_of, passing_for

torch.set_num_threads(1)
pytestmark = pytest.mark.timeout(3600)
patient = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@patient
@given(designs(methods=True))
def test_no_error_at_stage_train_means_it_trains(design: Design) -> None:
    assert not errors(check(design, stage="train"))
    model = build(design)
    assert sum(p.numel() for p in model.parameters()) == sum(
        w.times * w.weight.size for w in design.weights()
    )
    output = model(inputs_for(design), passing_for(design, step=3, progress=0.4, record="counts"))
    assert set(output.logits) == {head.name for head in design.task.heads_out}
    assert all(logits.isfinite().all() for logits in output.logits.values())
    assert all(loss.isfinite() for loss in output.losses.values())
    loss_of(output).backward()
    assert all(gradient.isfinite().all() for gradient in gradients(model).values())
    model.after_step(output.records)
    assert all(value.isfinite().all() for value in model.state_dict().values())


@patient
@given(any_designs())
def test_a_random_design_without_errors_trains_and_edits_mend_the_others(design: Design) -> None:
    before = errors(check(design, stage="train"))
    if not before:
        loss_of(build(design)(inputs_for(design), passing_for(design))).backward()
    for problem in before:
        assert problem.edits, f"{problem} has no edit"
        for edit in problem.edits:
            edited = apply(design, edit)
            assert not isinstance(edited, Problem), f"{edit} cannot be applied: {edited}"
            # What check finds before it looks for edits, which for every edit again would take minutes.
            after = counted(errors(tuple(faults(edited, stage="train"))))
            assert not after - counted(before), f"{edit.label} for {problem.code} adds errors"
            most = counted(before)[same(problem)] - len(problem.places)
            assert after[same(problem)] <= most, f"{edit.label} leaves {problem.code}"


def counted(problems: tuple[Problem, ...]) -> Counter[tuple[str, str]]:
    """In how many places each problem stands."""
    return sum((Counter({same(p): len(p.places)}) for p in problems), Counter())


def same(problem: Problem) -> tuple[str, str]:
    """What a problem is, wherever an edit has moved it in its list."""
    return problem.code, "/".join("#" if key.isdecimal() else key for key in problem.path.split("/"))
