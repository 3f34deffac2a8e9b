"""Every routing method in a file of its own: it answers as ours does, or is refused before any tracing.

A few methods, one of each way to decide, are exported by every run of the tests; `make nightly` exports all,
and what the repairs of the refused ones make of them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.design.edits import apply
from core.design.presets.methods import METHODS, method, method_edit
from core.design.rules import check, errors
from core.design.spec import Design
from core.design.suited import routes_by_task
from core.export.errors import ExportError
from core.export.onnx import run
from core.export.onnx.target import export_onnx
from core.export.onnx.wrapper import feeds
from core.export.parity import Array, compare
from core.model.build import build
from tests.core.export.onnx.conftest import Case, Held, layer, router, trained

POINTER = "/stacks/0/layers/0/pattern/0/parts/0"
#: Each way to decide: by score with places, by islands and a bias, over unequal experts with a sum of
#: probabilities, by the experts' own norms, by experts, by merging, by slots, by a table, by a router of the
#: task's own.
OFTEN = {"switch", "deepseek-v3", "hmoe", "aoe", "expert-choice", "smear", "soft-moe", "hash", "m3vit"}
#: What nobody could tell an exported model, or what it could not repeat: the code of the problem.
REFUSED = {
    "thor": "sample-export",
    "random": "sample-export",
    "oracle": "table-oracle",
}
#: These ask which task an example belongs to, so a file asks for it too.
BY_TASK = {"m3vit", "m3vit-embedding", "skillnet", "task-level"}
#: These select nothing, so that a file tells each expert's share and no experts.
SHARES = {"smear", "soft-moe"}
#: In these one token can take another's place, so what it gets depends on the whole batch.
WHOLE_BATCH = {"switch", "gshard", "st-moe", "v-moe", "moec", "expert-choice"}

BODY: dict[str, Any] = {
    "kind": "moe",
    "experts": [{"kind": "glu", "count": 4, "hidden": 8}],
    "router": router(),
}
TEXT: dict[str, Any] = {"kind": "language_model", "vocabulary": 256, "context": 8, "tokenizer": "bytes"}
IMAGE: dict[str, Any] = {
    "kind": "image_classifier",
    "height": 4,
    "width": 4,
    "channels": 1,
    "patch": 2,
    "heads": [{"name": "digit", "size": 5}, {"name": "odd", "size": 2}],
}
#: The same with questions that routers tell apart.
ASKED = IMAGE | {"tasks": list("abcdef")}


def plain(task: dict[str, Any]) -> Design:
    """One MoE layer and nothing else."""
    stack = {"name": "only", "causal": task is TEXT, "layers": [layer(BODY)]}
    return Design.model_validate({"width": 16, "task": task, "stacks": [stack]})


def written(name: str) -> Design:
    """The layer written over by the method; on images where it looks ahead or a task has to be told."""
    task = ASKED if name in BY_TASK else IMAGE if method(name).looks_ahead else TEXT
    made = apply(plain(task), method_edit(plain(task), POINTER, name))
    assert isinstance(made, Design), made
    return made


def held_out(design: Design) -> Array:
    """Enough tokens that every expert gets some."""
    rng = np.random.default_rng(7)
    if design.task.kind == "language_model":
        return rng.integers(0, 256, (48, 8))
    return rng.normal(size=(64, 4, 4, 1)).astype(np.float32)


def exported(design: Design, path: Path) -> Case:
    model = trained(design.model_dump(mode="json"))
    return Case(model, path, export_onnx(model, design, path, examples=[Held(held_out(design))]))


def answers_alike(case: Case) -> None:
    """Logits within tolerance, every token at its experts without one excused, every expert used."""
    parity = case.report.parity
    assert parity.verdict == "PASS"
    assert parity.error <= 1e-5 * max(1.0, parity.largest_logit)
    (found,) = parity.layers
    assert found.same_set == found.tokens > held_out(case.design).shape[0]
    (seen,) = case.answers(held_out(case.design)).routing.values()
    experts = seen.probability.shape[-1]
    assert np.isfinite(seen.probability).all()
    if routes_by_task(case.design):
        assert len(set(np.unique(seen.expert).tolist()) - {-1}) > 1
    elif seen.expert.shape[-1]:
        assert set(np.unique(seen.expert).tolist()) - {-1} == set(range(experts))
    else:
        assert (seen.probability > 0).any((0, 1)).all()


CASES = [
    pytest.param(entry.name, marks=() if entry.name in OFTEN else pytest.mark.nightly)
    for entry in METHODS
    if entry.name not in REFUSED
]


@pytest.mark.parametrize("name", CASES)
def test_it_is_exported_and_answers_as_ours(name: str, tmp_path: Path) -> None:
    case = exported(written(name), tmp_path / "model.onnx")
    answers_alike(case)
    told = {output.rsplit("/", 1)[1] for output in case.report.outputs if output.startswith("routing/")}
    assert told == ({"probability"} if name in SHARES else {"probability", "expert"})
    about = run.session(case.path).get_modelmeta().custom_metadata_map
    (said,) = json.loads(about["moe_studio.routing"])
    assert (said["selects"], said["whole_batch"]) == (name not in SHARES, name in WHOLE_BATCH)
    tasks = json.loads(about["moe_studio.tasks"])
    assert tasks == list(case.report.tasks) == (list("abcdef") if name in BY_TASK else [])
    assert [each.name for each in run.session(case.path).get_inputs()] == list(case.report.inputs)
    if name in BY_TASK:
        told_its_task(case)


def told_its_task(case: Case) -> None:
    """The file has an input for the task, which decides: for every one of them it answers as ours does."""
    assert case.report.inputs == ("pixels", "task_ids")
    inputs = held_out(case.design)[:9]
    answers = []
    for task in range(6):
        asked = np.full(9, task)
        theirs = case.answers(inputs, task_id=asked)
        ours = run.ours(case.model, feeds(case.design, inputs, asked), trained=1.0)
        assert compare([(ours, theirs)], causal=False, unequal_weights={}).verdict == "PASS"
        answers.append(theirs.logits["digit"])
    assert len({answer.tobytes() for answer in answers}) > 1
    mixed = case.answers(inputs, task_id=np.arange(9) % 6).logits["digit"]
    for row, answer in enumerate(mixed):
        np.testing.assert_allclose(answer, answers[row % 6][row], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_before_tracing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    design = written(name)
    assert errors(check(design, stage="design")) == ()
    assert {problem.code for problem in errors(check(design, stage="export:onnx"))} == {REFUSED[name]}
    monkeypatch.delattr(torch.onnx, "export")
    with pytest.raises(ExportError, match="To fix this, "):
        export_onnx(build(design, seed=0), design, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []
    assert errors(check(mended(design), stage="export:onnx")) == ()


def mended(design: Design) -> Design:
    """With the repairs that `check` offers."""
    for _ in range(4):
        found = errors(check(design, stage="export:onnx"))
        if not found:
            break
        repaired = apply(design, found[0].edits[0])
        assert isinstance(repaired, Design), repaired
        design = repaired
    return design


@pytest.mark.nightly
@pytest.mark.parametrize("name", REFUSED)
def test_what_its_repair_makes_of_it_is_exported(name: str, tmp_path: Path) -> None:
    """THOR's answer is then the mean of all experts: its ensemble, in which nothing is drawn."""
    answers_alike(exported(mended(written(name)), tmp_path / "model.onnx"))


def test_no_method_is_left_out() -> None:
    names = {entry.name for entry in METHODS}
    assert names >= REFUSED.keys() | OFTEN | SHARES | WHOLE_BATCH | BY_TASK
    assert not OFTEN & REFUSED.keys()
