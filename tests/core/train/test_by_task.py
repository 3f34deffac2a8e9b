"""Methods that route by task or by chance, trained on digits with the objective their values suggest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from core.data.builtin.digits import open_digits
from core.design.edits import apply, parse
from core.design.match import match_task
from core.design.plan import Plan
from core.design.presets.methods import method_edit
from core.design.rules import check, errors
from core.design.spec import Design
from core.design.suited import suited
from core.model.build import build
from core.model.passing import Pass
from core.train import checkpoint
from core.train.objectives.base import OBJECTIVES, Work
from tests.core.train.tiny import Killed, Run, killed_at
from tests.support import gradients

METHODS = {
    "thor": "two_pass_consistency",
    "m3vit": "per_task_accumulate",
    "m3vit-embedding": "per_task_accumulate",
    "skillnet": "single",
    "task-level": "single",
}


def digits(method: str, count: int = 4) -> Design:
    """One layer of width 8 with an MoE layer, as the method writes it."""
    body = {
        "kind": "moe",
        "experts": [{"kind": "mlp", "count": count, "hidden": 4}],
        "router": {
            "score": {"kind": "linear"},
            "select": {"kind": "top_k", "k": 2},
            "weigh": {"kind": "renormalised"},
            "combine": {"kind": "output_mix"},
        },
    }
    task = {
        "kind": "image_classifier",
        "height": 8,
        "width": 8,
        "channels": 1,
        "patch": 4,
        "heads": [{"name": "x"}],
    }
    stack = {"causal": False, "layers": [{"pattern": [{"parts": [{"body": body}]}]}]}
    made = parse({"width": 8, "task": task, "stacks": [stack]})
    assert isinstance(made, Design), made
    for edit in (match_task(made, open_digits().facts), None):
        made = apply(made, edit or method_edit(made, "/stacks/0/layers/0/pattern/0/parts/0", method))
        assert isinstance(made, Design), made
    return made


def plan_of(design: Design, **values: Any) -> Plan:
    plan = Plan(data="digits", steps=6, batch=6, log_every=2, evaluate_every=3, evaluate_examples=3)
    return suited(plan.replaced(checkpoint_every=2, threads=1, execution="sparse", **values), design)


class Digits(Run):
    def __init__(self, folder: Path, method: str) -> None:
        design = digits(method)
        super().__init__(folder, plan_of(design), design)
        self.data = open_digits()


@pytest.mark.parametrize("method", METHODS)
def test_values_suggest_an_objective_that_fits_the_data(method: str) -> None:
    design = digits(method)
    plan = plan_of(design)
    assert plan.objective.kind == METHODS[method]
    assert errors(check(design, plan, open_digits().facts, stage="train")) == ()


@pytest.mark.parametrize("method", ["thor", "m3vit", "task-level"])
def test_interrupted_is_as_if_it_was_not(tmp_path: Path, method: str) -> None:
    whole, broken = (Digits(tmp_path / name, method) for name in "ab")
    assert whole.train() == "done"
    with pytest.raises(Killed):
        broken.train(emit=killed_at(5, broken.said))
    assert broken.train() == "done"
    assert broken.rows() == whole.rows()
    kept = checkpoint.load(broken.folder, 6).model
    for name, tensor in checkpoint.load(whole.folder, 6).model.items():
        assert torch.equal(tensor, kept[name]), name
    figures = whole.rows()[6].held_out
    assert {"accuracy/digit", "accuracy/parity", "accuracy/ge5"} <= figures.keys()
    assert whole.events("trace")


def consistency(count: int, strength: float) -> tuple[dict[str, float], Any]:
    """What THOR's objective tells of one step, and the model with its gradient."""
    design = digits("thor", count)
    model = build(design)
    objective = suited(Plan(), design).objective.model_copy(update={"strength": strength})
    batch = open_digits().batch(0, seed=0, size=6, context=1)
    found = OBJECTIVES.build(objective).run(Work(model, batch, Pass(step=2, seed=1, record="counts")))
    return found.losses, model


def test_two_random_passes_reach_two_experts_at_most_and_no_router() -> None:
    losses, model = consistency(4, 5.0)
    again, _ = consistency(4, 5.0)
    assert losses == again
    reached = [
        int((gradient.flatten(1).abs().sum(1) > 0).sum())
        for name, gradient in gradients(model).items()
        if ".experts." in name and gradient.dim() == 3
    ]
    assert reached
    assert set(reached) <= {1, 2}
    assert not [name for name, _ in model.named_parameters() if ".router." in name]


def test_one_expert_is_always_consistent() -> None:
    losses, _ = consistency(1, 5.0)
    assert losses["consistency"] == 0
    losses, _ = consistency(4, 0.0)
    assert losses["consistency"] == 0
