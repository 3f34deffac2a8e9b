"""The smallest change that makes a design fit a device."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from app.costing.question import Question, needed, plan_of
from core.cost.asking import Asked
from core.cost.devices.base import Processor
from core.cost.estimate import Estimate
from core.design.bodies.moe import Moe
from core.design.spec import Design

#: Devices that a change may ask for.
_MORE = (2, 4, 8, 16, 32, 64)
_NARROWER = {
    "fp32": ("bf16", "int8", "int4"),
    "bf16": ("int8", "int4"),
    "fp16": ("int8", "int4"),
    "fp8": ("int4",),
    "int8": ("int4",),
}


def with_change(found: Estimate, on: Processor, asked: Asked) -> Estimate:
    """The same estimate, and where a device has too little memory, what would mend that."""
    if found.needs.total.value <= found.has:
        return found
    load, words = found.load, asked.get("weights")
    plan = {**asked, **vars(load.parallel)}
    question = Question(
        load.phase, load.batch, load.context, words if isinstance(words, str) else load.weights.name,
        plan_of({name: value for name, value in plan.items() if isinstance(value, int | str)}),
    )  # fmt: skip
    return replace(found, change=change(found.counts.design, on, question))


def change(design: Design, on: Processor, question: Question) -> str:
    """The first change that makes it fit, from the least to the most; empty where none of them does."""
    for words, changed in changes(design, question):
        bytes_ = needed(design, on, changed)
        if bytes_ is not None and bytes_ <= on.usable:
            return words
    return ""


def changes(design: Design, question: Question) -> Iterator[tuple[str, Question]]:
    """(words, question) from the least to the most: narrower weights, less kept, more devices."""
    plan = dict(question.plan)
    copies = int(plan.get("dp", 1))
    counts = [p.part.body.count for p in design.parts() if isinstance(p.part.body, Moe)]

    def spread(devices: int) -> int:
        """Ways that experts of every layer can be spread over so many devices."""
        return math.gcd(devices, *counts) if counts else 1

    def planned(changed: dict[str, int | str]) -> Question:
        return replace(question, plan=tuple(changed.items()))

    if question.phase == "train":
        small = plan | {"micro_batch": 1}
        yield "micro-batch 1", planned(small)
        again = small | {"recompute": "full"}
        yield "recompute", planned(again)
        for n in _MORE:
            if n >= copies:
                shared = again | {"zero": 3, "dp": n, "ep": spread(n)}
                more = replace(planned(shared), batch=max(n, question.batch))
                yield f"{more.devices} devices, ZeRO 3", more
        return
    for weights in _NARROWER.get(question.weights, ()):
        yield f"{weights} fits", replace(question, weights=weights)
    for n in _MORE:
        more = planned(plan | {"tp": n, "ep": spread(n * copies)})
        if more.devices > question.devices:
            yield f"{more.devices} devices", more
