"""Every routing method on text and on digits, as it is, beside a shared expert, and over unequal experts.

Each combination trains for a few steps, or is refused for a reason that stands in REFUSED.
"""

from __future__ import annotations

from functools import lru_cache

import pytest
import torch

from core.data.base import Dataset
from core.data.builtin.digits import open_digits
from core.design.edits import apply, parse
from core.design.match import match_task
from core.design.plan import Plan
from core.design.presets.methods import METHODS, method_edit
from core.design.presets.pieces import JSON, attention, decoder, glu, language, layer, moe, repeat, router
from core.design.rules import check, errors
from core.design.spec import Design
from core.design.suited import suited
from core.model.build import build
from core.train.evaluate import evaluate
from core.train.optimizer import make_optimizer
from core.train.step import advance, batch_of
from tests.core.train.tiny import text_data

STEPS = 2
POINTER = "/stacks/0/layers/0/pattern/0/parts/1"
TASKS = ("text", "digits")
BANKS: dict[str, JSON] = {
    "plain": {"experts": [glu(8, 8)]},
    "shared": {"experts": [glu(8, 8)], "shared": [glu(8)]},
    "unequal": {"experts": [glu(4, 4), glu(12, 4)]},
}
#: What no repair can make work, by method and task: these decide by looking at later tokens.
REFUSED = {
    (method, "text"): "looks-ahead" for method in ("expert-choice", "soft-moe", "smear", "base", "sinkhorn")
}


@lru_cache
def data(task: str) -> Dataset:
    return text_data() if task == "text" else open_digits()


def design_of(method: str, task: str, bank: str) -> Design:
    """One layer of attention and eight experts, matched to the data, then written over by the method."""
    body = moe(BANKS[bank]["experts"], router(2), **{k: v for k, v in BANKS[bank].items() if k != "experts"})
    stack = decoder(repeat(1, layer(attention(2), body)))
    image = {"kind": "image_classifier", "patch": 4}
    document: JSON = {"width": 16, "task": language(8) if task == "text" else image, "stacks": stack}
    if task == "digits":
        document["stacks"][0]["causal"] = False
    made = parse(document)
    assert isinstance(made, Design), made
    written = apply(made, method_edit(made, POINTER, method))
    assert isinstance(written, Design), written
    # Twice: only a design that routes by task asks for the names of the tasks, which the method then lists.
    match = match_task(written, data(task).facts)
    if match is not None:
        made = apply(made, match)
        assert isinstance(made, Design), made
        written = apply(made, method_edit(made, POINTER, method))
    assert isinstance(written, Design), written
    return written


def test_the_refused_are_methods_that_look_ahead() -> None:
    assert {name for name, _ in REFUSED} == {entry.name for entry in METHODS if entry.looks_ahead}


def plan_for(design: Design, task: str) -> Plan:
    return suited(Plan(data=task, steps=STEPS, batch=8, threads=1, execution="sparse"), design)


def refusal(design: Design, task: str) -> str:
    found = errors(check(design, plan_for(design, task), data(task).facts, stage="train"))
    return " ".join(sorted({problem.code for problem in found}))


@pytest.mark.parametrize("bank", BANKS)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("method", [entry.name for entry in METHODS])
def test_it_trains_or_is_refused_for_a_reason(method: str, task: str, bank: str) -> None:
    design = design_of(method, task, bank)
    wanted = REFUSED.get((method, task), "")
    assert refusal(design, task) == wanted
    if not wanted:
        _trains(design, task)
    for problem in errors(check(design, plan_for(design, task), data(task).facts, stage="train")):
        assert problem.fix.startswith("To fix this, ")
        assert problem.edits


def _trains(design: Design, task: str) -> None:
    """Losses stay finite, and what is called trainable changes: the layer is not dead."""
    source, plan = data(task), plan_for(design, task)
    model = build(design)
    optimizer = make_optimizer(model, plan.optimizer)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    names = source.facts.domains
    for step in range(STEPS):
        found = advance(model, optimizer, plan, batch_of(source, plan, model, step), len(names), step)
        assert torch.tensor(list(found.losses.values())).isfinite().all()
    assert all(p.isfinite().all() for p in model.parameters())
    changed = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    experts = {name for name in before if ".experts.groups." in name}
    assert experts & changed
    assert not changed & {name for name, p in model.named_parameters() if not p.requires_grad}
    figures = evaluate(model, source.held_out(2, context=8), names, 8, progress=1.0)
    assert torch.tensor(list(figures.values())).isfinite().all()
