"""Every routing method: parameters of the formula are those of the model, and so are its FLOPs.

Forward and backward, in training and out of it, of what torch counts while a small model runs; rows of
experts are those that tokens really got. Balancers are left out, as in `test_counter`.
"""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from core.cost.count import count
from core.cost.flops import flops
from core.design.bodies.moe import Moe
from core.design.edits import apply
from core.design.presets.methods import METHODS, method_edit
from core.design.presets.registry import preset
from core.design.spec import Design
from core.model.build import build
from core.model.passing import Pass
from tests.core.cost.test_counter import UNKNOWN, inputs_for

NAMES = [entry.name for entry in METHODS]
BATCH = 6


@cache
def plain(base: str) -> Design:
    """A starter made small: one dense and one MoE layer, eight narrow experts."""
    document = preset(base).model_dump(mode="json")
    document["width"] = 24
    if base == "starter":
        document["task"] |= {"context": 5}
    for repeat in document["stacks"][0]["layers"]:
        repeat["times"] = 1
        for layer in repeat["pattern"]:
            for part in layer["parts"]:
                if part["body"]["kind"] == "moe":
                    part["body"]["experts"] = [{"kind": "glu", "count": 8, "hidden": 20}]
    return Design.model_validate(document)


@cache
def design_of(name: str) -> Design:
    """The method over the image starter, or the text starter where it reads token ids; no balancers."""
    base = plain("starter" if name == "hash" else "digits-vit")
    placed = next(part for part in base.parts() if isinstance(part.part.body, Moe))
    written = apply(base, method_edit(base, placed.pointer, name))
    assert isinstance(written, Design), written
    found = written.model_dump(mode="json")
    for repeat in found["stacks"][0]["layers"]:
        for layer in repeat["pattern"]:
            for part in layer["parts"]:
                part["body"] |= {"balance": []} if part["body"]["kind"] == "moe" else {}
    return Design.model_validate(found)


def ran(design: Design, training: bool, execution: str = "ragged"):
    """(forward FLOPs, backward FLOPs, rates, tokens) of a pass in the middle of a training."""
    model = build(design, seed=0, execution=execution).train(training)
    assert sum(p.numel() for p in model.parameters()) == count(design).total
    x = inputs_for(design, BATCH)
    third = torch.arange(BATCH) % 3
    passing = Pass(task_id=third, domain=third, domains=3, progress=0.5, record="counts")
    if len(design.task.task_names) < 3:
        passing = Pass(progress=0.5, record="counts")
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False, custom_mapping=UNKNOWN) as counter:
        out = model(x, passing)
        forward = counter.get_total_flops()
        answers = sum(logits.square().sum() for logits in out.logits.values())
        answers.backward()
    rates = {
        path: [rows / record.tokens for rows in record.counts_E.tolist()]
        for path, record in out.records.items()
        if record.counts_E is not None
    }
    return forward, counter.get_total_flops() - forward, rates


def formula(design: Design, rates, training: bool) -> tuple[float, float]:
    found = flops(count(design, rates, training=training), causal_half=False)
    tokens = BATCH * design.task.tokens
    return found.forward * tokens + found.once, found.backward * tokens + 2 * found.once


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name", NAMES)
def test_formula_is_what_torch_counts(name: str, training: bool) -> None:
    design = design_of(name)
    forward, backward, rates = ran(design, training)
    assert formula(design, rates, training) == pytest.approx((forward, backward), rel=1e-12)
