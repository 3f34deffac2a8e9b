"""FLOPs of the formula against those that torch counts while a model runs, forward and backward.

The counter sees matrix products of torch only, so experts do not run by NumPy here. Two operators of the
sparse path are unknown to it, and get the formula of the product they are. Balancers are left out: their
means over tokens are no part of the model.
"""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from core.cost.count import count
from core.cost.flops import flops
from core.design.presets.registry import preset
from core.design.spec import Design
from core.model.build import build
from core.model.passing import Pass
from tests.strategies import designs


def grouped(a, b, *args, **kwargs):
    """[N, K] in groups times [E, K, M], or [K, N] times [N, M] in groups: every row once."""
    rows, inner = a
    return 2 * rows * inner * b[-1]


def added(_, a, b, *args, **kwargs):
    """addmm_ in place: a [N, K] times b [K, M]."""
    return 2 * a[0] * a[1] * b[1]


UNKNOWN = {torch.ops.aten._grouped_mm: grouped, torch.ops.aten.addmm_: added}


def inputs_for(design: Design, batch: int) -> torch.Tensor:
    task, random = design.task, torch.Generator().manual_seed(0)
    if task.kind == "language_model":
        return torch.randint(0, task.vocabulary, (batch, task.context), generator=random)
    if task.kind == "image_classifier":
        return torch.rand(batch, task.height, task.width, task.channels, generator=random)
    return torch.rand(batch, task.features, generator=random)


def counted(design: Design, execution: str, batch: int):
    """Forward and backward FLOPs by torch's counter, and rows of each expert for each token."""
    model = build(design, seed=0, execution=execution)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False, custom_mapping=UNKNOWN) as counter:
        out = model(inputs_for(design, batch), Pass(record="counts"))
        forward = counter.get_total_flops()
        answers = sum(logits.square().sum() for logits in out.logits.values())
        (answers + sum(out.losses.values())).backward()
    rates = {
        path: [rows / record.tokens for rows in record.counts_E.tolist()]
        for path, record in out.records.items()
    }
    return forward, counter.get_total_flops() - forward, rates


def formula(design: Design, batch: int, rates):
    """The same in closed form; the math backend multiplies all keys, also masked ones."""
    found = flops(count(design, rates), causal_half=False)
    tokens = batch * design.task.tokens
    return found.forward * tokens, found.backward * tokens


def design_of(name: str, capacity: float | None = None) -> Design:
    """A preset without balancers; with a `capacity` below one its experts drop tokens."""
    return without_balancers(preset(name), capacity)


def without_balancers(design: Design, capacity: float | None = None) -> Design:
    document = design.model_dump(mode="json")
    for repeat in document["stacks"][0]["layers"]:
        for layer in repeat["pattern"]:
            for part in layer["parts"]:
                if part["body"]["kind"] == "moe":
                    part["body"]["balance"] = []
                    part["body"]["router"]["capacity"] = {"train": capacity} if capacity else None
    return Design.model_validate(document)


STARTERS = ("starter", "fine-grained", "dense-twin", "digits-vit", "tabular")


@pytest.mark.parametrize("name", STARTERS)
def test_reference_computes_every_expert(name):
    design = design_of(name)
    forward, backward, rates = counted(design, "reference", 2)
    every = {path: [1.0] * len(rate) for path, rate in rates.items()}
    assert (forward, backward) == pytest.approx(formula(design, 2, every), rel=1e-12)


@pytest.mark.parametrize(
    ("name", "batch"), [*((name, 2) for name in STARTERS), ("starter", 30)], ids=lambda value: str(value)
)
def test_sparse_computes_what_was_accepted(name, batch):
    design = design_of(name)
    forward, backward, rates = counted(design, "ragged", batch)
    assert (forward, backward) == pytest.approx(formula(design, batch, rates), rel=1e-12)


def test_heads_that_answer_for_each_patch_cost_at_each():
    whole = design_of("digits-vit")
    each = whole.model_copy(update={"task": whole.task.model_copy(update={"each": "patch"})})
    forward, backward, rates = counted(each, "ragged", 2)
    assert (forward, backward) == pytest.approx(formula(each, 2, rates), rel=1e-12)
    assert each.parameters == whole.parameters
    assert formula(each, 2, rates)[0] > formula(whole, 2, rates)[0]


def test_dropped_tokens_cost_nothing():
    design = design_of("starter", capacity=0.75)
    forward, backward, rates = counted(design, "ragged", 4)
    assert all(sum(rate) < 1.6 for rate in rates.values())
    assert (forward, backward) == pytest.approx(formula(design, 4, rates), rel=1e-12)
    assert forward < formula(preset("starter"), 4, {})[0]


@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(designs())
def test_random_designs(random: Design):
    design = without_balancers(random)
    forward, backward, rates = counted(design, "ragged", 2)
    assert (forward, backward) == pytest.approx(formula(design, 2, rates), rel=1e-12)
    forward, backward, rates = counted(design, "reference", 2)
    every = {path: [1.0] * len(rate) for path, rate in rates.items()}
    assert (forward, backward) == pytest.approx(formula(design, 2, every), rel=1e-12)
