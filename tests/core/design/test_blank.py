"""A design without layers can be drawn up and costed; training says what is missing and adds it."""

from __future__ import annotations

import pytest

from core.cost.count import count
from core.cost.estimate import strip
from core.design.edits import apply
from core.design.graph import graph
from core.design.rules import check
from core.design.spec import Design

TASKS = (
    {"kind": "language_model", "context": 16},
    {"kind": "table", "features": 3, "heads": [{"name": "a", "kind": "value"}]},
    {"kind": "image_classifier", "height": 4, "width": 4, "patch": 2, "heads": [{"name": "a", "size": 3}]},
)


def blank(task: dict[str, object], width: int = 64) -> Design:
    return Design.model_validate({"width": width, "task": task, "stacks": [{"layers": []}]})


@pytest.mark.parametrize("width", [1, 2, 6, 64])
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task["kind"])
def test_a_blank_design_lacks_a_layer_for_training_and_nothing_else(task, width):
    design = blank(task, width)
    assert check(design, stage="cost") == ()
    (problem,) = check(design, stage="train")
    assert (problem.code, problem.path) == ("no-layers", "/stacks/0/layers")
    after = apply(design, problem.edits[0])
    assert check(after, stage="train") == ()
    assert [placed.part.body.kind for placed in after.parts()] == ["attention", "dense"]


def test_it_costs_its_ends():
    design = blank(TASKS[0])
    assert count(design).total == 2 * 256 * 64 + 64
    assert all(cell.figure.value >= 0 for cell in strip(design))
    assert list(graph(design).edges) == [("input", "output")]
