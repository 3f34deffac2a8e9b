"""Does a data set fit a design? The edit that makes the task match it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.design.edit import Batch, Edit, Merge, SetValue
from core.design.facts import DataFacts, DataKind
from core.design.problems import Problem, Site
from core.design.spec import Design
from core.design.suited import routes_by_task

_TASK_OF = {"text": "language_model", "image": "image_classifier", "table": "table"}
_CALLED = {
    "language_model": "a language model",
    "image_classifier": "an image classifier",
    "table": "a table model",
}


def reads(design: Design, kind: DataKind) -> bool:
    """Whether data of a kind is what the task of a design takes in."""
    return _TASK_OF[kind] == design.task.kind


def task_for(design: Design, facts: DataFacts) -> dict[str, Any]:
    """The task, as JSON, that fits a data set, keeping what the design already says where it can.

    It names the data's tasks where they are not the heads, so that a router can be told them.
    """
    task = _inputs_and_heads(design, facts)
    task.pop("tasks", None)
    return task | {"tasks": list(facts.task_names)} if facts.task_names and len(facts.heads) == 1 else task


def _inputs_and_heads(design: Design, facts: DataFacts) -> dict[str, Any]:
    old: dict[str, Any] = design.task.model_dump(mode="json") if reads(design, facts.kind) else {}
    heads = [head.model_dump(mode="json") for head in facts.heads]
    if facts.kind == "text":
        context = min(
            int(old.get("context", 128)), max(1, facts.smallest_file - 1) if facts.smallest_file else 128
        )
        return {**old, "kind": "language_model", "vocabulary": 256, "tokenizer": "bytes", "context": context}
    if facts.kind == "table":
        return {"kind": "table", "features": facts.features, "heads": heads}
    patch = int(old.get("patch", 2))
    sides = [p for p in range(1, facts.height + 1) if facts.height % p == 0 and facts.width % p == 0]
    told = [p for p in sides if facts.height // p * (facts.width // p) == facts.tokens_per_example]
    if told:
        patch = told[0]
    elif patch not in sides:
        patch = max(p for p in sides if p <= patch)
    size = {"height": facts.height, "width": facts.width, "channels": facts.channels, "patch": patch}
    each = "patch" if facts.labels == "token" else "image"
    return {"kind": "image_classifier", **size, "each": each, "heads": heads}


def match_task(design: Design, facts: DataFacts) -> Edit | None:
    """The edit that makes the task of `design` fit `facts`; None if it fits already."""
    task = task_for(design, facts)
    if task["kind"] == design.task.kind:
        # Names of tasks say nothing to a design that asks for none.
        names = {} if facts.has_task_id and routes_by_task(design) else {"tasks": design.task.tasks}
        if type(design.task).model_validate({**task, **names}) == design.task:
            return None
    edits: list[Edit] = [SetValue(path="/task", value=task)]
    if task["kind"] != design.task.kind:
        edits += [
            Merge(path=f"/stacks/{s}", values={"causal": facts.causal}) for s in range(len(design.stacks))
        ]
        if task["kind"] != "language_model":
            edits.append(Merge(path="/embedding", values={"tied": False, "position": "none"}))
    return Batch(edits=tuple(edits), label=f"Match the task to {facts.title or facts.name}"[:200])


def data_rules(design: Design, site: Site) -> Iterator[Problem]:
    """Problems between a design and the data it is to be trained on."""
    facts = site.data
    if facts is None:
        return
    here, by_plan = site.at("task"), False
    window = min((site.plan.context if site.plan else None) or design.task.tokens, design.task.tokens)
    if not reads(design, facts.kind):
        mismatch = f"This design is {_CALLED[design.task.kind]}, and {facts.name} is {facts.kind} data."
    elif facts.has_task_id and routes_by_task(design) and design.task.task_names != facts.task_names:
        mismatch = f"The tasks that this design's routers tell apart are not those of {facts.name}."
    elif match_task(design, facts) is not None and facts.kind != "text":
        mismatch = f"The inputs or heads of this design are not those of {facts.name}."
    elif facts.kind == "text" and facts.smallest_file and facts.smallest_file <= window:
        mismatch = (
            f"A window of {window} tokens does not fit into the shortest file of {facts.name},"
            f" {facts.smallest_file} bytes."
        )
        by_plan = design.task.tokens != window
    else:
        mismatch = ""
    if mismatch:
        edit = None if by_plan else match_task(design, facts)
        yield here.error(
            "data-task",
            mismatch,
            "To fix this, use a shorter context in the plan, or choose other data."
            if by_plan
            else "To fix this, match the task to the data, or choose other data.",
            stage="train",
            edits=(edit,) if edit else (),
        )
    moe = any(placed.part.body.kind == "moe" for placed in design.parts())
    if moe and len(facts.domains) == 1:
        yield here.warning(
            "one-domain",
            "With a single domain, specialization cannot be measured: it compares domains.",
            stage="train",
        )
