"""Equal parts are counted once and can be folded into one: no figure may change by it."""

import pytest
from hypothesis import given, settings

from core.cost import gpu
from core.cost.count import count
from core.cost.devices import registry
from core.cost.estimate import estimate, strip
from core.cost.flops import flops
from core.cost.formats import widths
from core.cost.scenario import Scenario
from core.cost.training import training
from core.design.presets.registry import preset
from core.design.spec import Design
from tests.core.design.samples import starter
from tests.strategies import any_designs


@settings(max_examples=30)
@given(any_designs())
def test_folding_equal_parts_changes_no_sum(design: Design) -> None:
    whole, folded = count(design), count(design).folded()
    assert len(folded.parts) <= len(whole.parts)
    assert (folded.total, folded.routed) == (whole.total, whole.routed)
    assert folded.active("R1") == pytest.approx(whole.active("R1"), rel=1e-12)
    assert folded.kv_elements(64) == pytest.approx(whole.kv_elements(64), rel=1e-12)
    assert flops(folded).train == pytest.approx(flops(whole).train, rel=1e-12)
    step = Scenario("train", 2, 64, widths("fp32"), "fp32")
    needs = [training(counts, step).total.value for counts in (folded, whole)]
    assert needs[0] == pytest.approx(needs[1], rel=1e-12)
    load = Scenario("train", 2, 64, widths("bf16"), "bf16")
    seconds = [gpu.step(counts, load, registry.device("h100-sxm")).seconds for counts in (folded, whole)]
    assert seconds[0] == pytest.approx(seconds[1], rel=1e-9)


def test_measured_parts_are_not_folded() -> None:
    design = starter()
    routed = next(placed for placed in design.parts() if placed.part.body.kind == "moe")
    counts = count(design, {routed.pointer: [2 / routed.part.body.count] * routed.part.body.count})
    assert counts.folded() is counts


def written_out(design: Design) -> Design:
    """The same layers, each with JSON of its own."""
    content = design.model_dump(mode="json")
    stack = content["stacks"][0]
    stack["layers"] = [
        {"times": 1, "pattern": [layer]}
        for r in stack["layers"]
        for _ in range(r["times"])
        for layer in r["pattern"]
    ]
    return Design.model_validate(content)


@pytest.mark.parametrize("name", ["deepseek-v3", "gpt-oss-120b", "qwen3-next-80b-a3b", "mixtral-8x7b"])
@pytest.mark.parametrize("phase", ["decode", "prefill", "train"])
@pytest.mark.parametrize("plan", [{}, {"tp": 2, "ep": 4, "dp": 2}])
def test_a_design_written_out_costs_exactly_what_it_costs_in_repeats(
    name: str, phase: str, plan: dict[str, int]
) -> None:
    def told(design: Design) -> tuple[object, ...]:
        found = estimate(
            design, "h200-sxm", phase=phase, batch=8, context=2048, weights="mxfp4", zero=3, **plan
        )
        asks, spent = found.asks, sorted((op.name, op.seconds, op.bytes, op.flops) for op in found.ops)
        return (
            *(found.step, found.rate, found.needs, found.bound, found.lacks, spent),
            *(asks.flops, asks.bytes, asks.distinct),
            *(found.counts.total, found.counts.by_role, found.counts.lookups),
        )

    assert told(written_out(preset(name))) == told(preset(name))


def test_equal_parts_are_counted_each_at_its_place() -> None:
    folded = preset("deepseek-v3")
    design = written_out(folded)
    parts = [part for part in count(design).parts if part.placed]
    assert [part.pointer for part in parts] == [placed.pointer for placed in design.parts()]
    groups = [(part.pointer, group.pointer) for part in parts for group in part.groups]
    assert len(groups) == 58
    assert all(pointer == f"{part}/body/experts/0" for part, pointer in groups)
    assert count(design).total == count(folded).total
    for mine, theirs in zip(strip(design), strip(folded), strict=True):
        assert (mine.label, mine.note) == (theirs.label, theirs.note)
        assert (mine.figure is None) == (theirs.figure is None)
        if mine.figure and theirs.figure:
            assert mine.figure.value == pytest.approx(theirs.figure.value, rel=1e-12)
