"""What must hold of every design: monotone where physics says so, bands around values, sums of devices."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.cost import gpu
from core.cost.asking import scenario
from core.cost.count import count
from core.cost.demand import Demand
from core.cost.devices import registry
from core.cost.figure import Figure
from core.cost.formats import FORMATS, widths
from core.cost.formulas import FORMULAS
from core.cost.scenario import Parallel, Scenario, Training
from core.cost.shards import shard, staged
from core.cost.stored import size_in, total_bytes
from core.cost.training import training
from core.design.rules import faults
from core.design.spec import Design
from tests.strategies import any_designs, designs

slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
patient = settings(max_examples=15, suppress_health_check=slow)
H100 = registry.device("h100-sxm")


def costed() -> st.SearchStrategy[Design]:
    """Designs that may be costed."""
    return (any_designs() | designs()).filter(
        lambda design: not any(p.severity == "error" for p in faults(design, stage="cost"))
    )


def phase_of(design: Design) -> str:
    return "decode" if design.task.causal_loss else "prefill"


@patient
@given(costed(), st.integers(1, 60), st.integers(1, 60))
def test_more_sequences_never_touch_fewer_experts_nor_ask_for_less(design, batch, more):
    counts = count(design)
    few, many = (
        Demand(counts, scenario(design, {"phase": phase_of(design), "batch": n}))
        for n in (batch, batch + more)
    )
    if few.distinct is not None:
        assert few.distinct.figure.value <= many.distinct.figure.value + 1e-9
        assert few.distinct.rank <= many.distinct.rank + 1e-9
        assert many.distinct.figure.value <= many.distinct.experts + 1e-9
    assert few.flops.value <= many.flops.value
    assert few.bytes.value <= many.bytes.value
    assert few.memory.peak.value <= many.memory.peak.value


@patient
@given(costed(), st.sampled_from(["bandwidth", "memory"]), st.floats(1.0, 8.0))
def test_a_better_device_is_never_slower_and_holds_no_less(design, field, factor):
    load = scenario(design, {"phase": phase_of(design), "batch": 2})
    counts = count(design)
    better = replace(H100, **{field: getattr(H100, field) * factor})
    faster = replace(H100, peak={form: peak * factor for form, peak in H100.peak.items()})
    took = gpu.step(counts, load, H100).seconds
    assert gpu.step(counts, load, better).seconds <= took * (1 + 1e-12)
    assert gpu.step(counts, load, faster).seconds <= took * (1 + 1e-12)


@patient
@given(costed())
def test_wider_formats_are_never_smaller(design):
    counts = count(design)
    # A last block may be all but empty, and still has a scale.
    slack = 32.0 * sum(part.times * weight.copies for part in counts.parts for weight in part.weights)
    # llama.cpp's formats keep norms and routers in float32, so they are compared with each other.
    for order in (("mxfp4", "int4", "int8", "bf16", "fp32"), ("q4_0", "q4_k_m", "q8_0", "fp32")):
        for keys in (("default",), ("expert",), ("default", "expert")):
            sizes = [total_bytes(counts, widths(dict.fromkeys(keys, name))) for name in order]
            assert all(narrow <= wide + slack for narrow, wide in pairwise(sizes))
    assert all(total_bytes(counts, widths(name)) <= 4 * counts.total for name in FORMATS)


@patient
@given(costed(), st.sampled_from(["none", "selective", "full"]))
def test_bands_hold_their_values_and_units_are_told(design, recompute):
    counts = count(design, training=True)
    asked = Demand(counts, scenario(design, {"phase": "train", "batch": 2, "recompute": recompute}))
    figures = [asked.flops, asked.bytes, asked.memory.peak, asked.memory.total]
    figures += [figure for _, figure in asked.memory.on(1e9, 2).rows]
    figures += [asked.distinct.figure] if asked.distinct else []
    for figure in figures:
        assert figure.unit.split(" / ")[0] in ("FLOP", "bytes", "experts")
        assert figure.formula in FORMULAS
        assert figure.grade == "exact" or figure.low <= figure.value <= figure.high
    assert asked.memory.peak.value == sum(figure.value for _, figure in asked.memory.held)
    moments = [value for _, value in asked.memory.timeline]
    assert asked.memory.peak.value == pytest.approx(max(moments))


@patient
@given(costed(), st.sampled_from([1, 2, 4]), st.sampled_from([1, 2]), st.sampled_from(["bf16", "int4"]))
def test_what_devices_hold_together_is_all_of_it(design, ep, pp, name):
    """Without tensor parallelism: a copy of what is not routed on each rank, each expert on one of them."""
    if ep > 1 and any(sum(g.experts for g in part.groups) % ep for part in count(design).parts):
        return
    counts, stored = count(design), widths(name)
    plan = Parallel(ep=ep, dp=ep, pp=min(pp, max(1, design.depth)))
    stages = [shard(stage, plan, size_in(stored)) for stage in staged(counts, plan)]
    whole = sum(stage.plain + sum(stage.experts) for stage in stages)
    assert whole == pytest.approx(total_bytes(counts, stored), rel=1e-12)
    assert all(stage.imbalance >= 1 - 1e-12 for stage in stages)


@patient
@given(costed(), st.sampled_from(["adamw", "adamw8bit", "muon", "sgd"]))
def test_sharing_more_never_needs_more(design, optimizer):
    counts = count(design, training=True)
    load = Scenario("train", 4, min(8, design.task.tokens), widths("bf16"), "bf16", Parallel(dp=4))
    states = []
    for zero in range(3):
        how = Training(1, zero, "none", optimizer)
        found: list[tuple[str, Figure]] = list(training(counts, replace(load, training=how)).held)
        states.append(sum(f.value for key, f in found if key in ("weights", "gradients", "optimizer")))
    assert states == sorted(states, reverse=True)
