"""Number formats on devices: which rate products run at, and what is said about it."""

import pytest

from core.cost import gpu
from core.cost.asking import scenario
from core.cost.caveats import caveats
from core.cost.count import count
from core.cost.devices import registry
from core.cost.estimate import estimate
from core.cost.formats import FORMATS
from core.design.presets.registry import preset

GRANITE = preset("granite-3.0-1b-a400m")
PHASES = {"decode": 64, "prefill": 4, "train": 8}


def fastest(form: str, on) -> float:
    """The rate that products with weights of a format may run at on a device, at most."""
    if FORMATS[form].bits > 16:
        return on.peak["fp32"]
    plain = max(on.peak.get("bf16", 0.0), on.peak.get("fp16", 0.0)) or on.peak["fp32"]
    eight = {"fp8": "fp8", "mxfp8": "fp8", "mxfp4": "fp8", "nvfp4": "fp4"}.get(form, "")
    return max(plain, on.peak.get(eight, 0.0))


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("form", FORMATS)
def test_no_step_is_faster_than_the_rate_of_its_format(form, phase):
    counts = count(GRANITE, training=phase == "train").folded()
    for name, on in registry.processors().items():
        load = scenario(GRANITE, {"phase": phase, "batch": PHASES[phase], "weights": form}, on.compute, on=on)
        step = gpu.step(counts, load, on)
        work = sum(op.flops for op in step.ops if op.name != "optimizer")
        assert step.seconds > work / fastest(form, on), name
        assert step.seconds > sum(op.bytes for op in step.ops) / on.bandwidth, name


@pytest.mark.parametrize("target", ["t4", "v100-sxm", "a100-80-sxm", "rtx4090"])
def test_fp32_weights_train_at_the_fp32_rate(target):
    on = registry.device(target)
    wide, usual = (
        estimate(GRANITE, target, phase="train", batch=8, context=2048, weights=weights)
        for weights in ("fp32", on.compute)
    )
    assert wide.step.value > wide.asks.flops.value / on.peak["fp32"]
    assert wide.step.value > usual.step.value
    assert wide.load.numbers == "fp32"
    (said,) = [told for told in wide.caveats if "fp32 rate" in told]
    assert ("tf32" in said) == (target == "a100-80-sxm")
    assert not any("fp32 rate" in told for told in usual.caveats)


def test_only_what_is_asked_for_in_fp32_runs_at_its_rate():
    def spent(weights):
        found = estimate(GRANITE, "h100-sxm", phase="prefill", batch=8, weights=weights)
        return {op.name: op.compute for op in found.ops if op.pointer.endswith(("parts/0", "parts/1"))}

    usual, mixed = spent("bf16"), spent({"default": "bf16", "expert": "fp32"})
    assert mixed["experts"] == pytest.approx(usual["experts"] * 989.4 / 67)
    assert {name: s for name, s in mixed.items() if name != "experts"} == {
        name: s for name, s in usual.items() if name != "experts"
    }


def test_a_device_without_an_fp32_rate_says_which_one_stands_for_it():
    own = registry.own({"memory_gb": 24, "bandwidth_gbs": 500, "peak_tflops": {"bf16": 100}})
    load = scenario(GRANITE, {"weights": "fp32"}, own.compute, on=own)
    assert "timed at that of bf16" in " ".join(caveats(load, own))


@pytest.mark.parametrize("target", registry.processors())
def test_no_device_is_said_to_lack_what_its_row_has(target):
    on = registry.device(target)
    for form in FORMATS:
        load = scenario(GRANITE, {"weights": form, "stack": "vllm"}, on.compute, on=on)
        said = " ".join(caveats(load, on, "fitted"))
        assert not ("no units" in said and form in on.peak), form
        if form in ("int8", "int4", "q8_0", "q4_0", "q4_k_m"):
            assert f"{form} is the format of weights alone" in said
            assert f"multiplied in {on.compute}" in said


def test_a_format_without_units_is_said_to_lack_them():
    said = " ".join(estimate(GRANITE, "a100-80-sxm", weights={"default": "fp8", "expert": "int4"}).caveats)
    assert "A100 80 GB has no units for fp8" in said
    assert "int4 is the format of weights alone" in said
