"""Number formats on devices: which rate products run at, and what is said about it."""

import pytest

from core.cost import gpu
from core.cost.asking import scenario
from core.cost.calibration.points import points
from core.cost.caveats import caveats
from core.cost.count import count
from core.cost.devices import registry
from core.cost.efficiency import fitted, software, told
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
    (said,) = [word for word in wide.caveats if "fp32 rate" in word]
    assert ("tf32" in said) == (target == "a100-80-sxm")
    assert not any("fp32 rate" in word for word in usual.caveats)


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


def test_a_narrow_format_of_weights_does_not_hasten_a_prefill_that_computes():
    qwen = preset("qwen3-30b-a3b")

    def prefill(weights, **more):
        return estimate(qwen, "h200-sxm", phase="prefill", context=4096, weights=weights, **more)

    usual = prefill("bf16")
    for form in ("int8", "int4", "q8_0", "q4_0", "q4_k_m"):
        found = prefill(form)
        assert found.software == usual.software == "serving"
        assert 0.9 * usual.step.value < found.step.value < 1.3 * usual.step.value
    # llama.cpp's formats were timed with llama.cpp alone.
    narrow = prefill("q4_0")
    assert narrow.step.high / narrow.step.value > 1.4 * usual.step.high / usual.step.value
    assert any("No prefills in q4_0 of serving software" in word for word in narrow.caveats)
    assert prefill("q4_0", stack="llama.cpp").software == "ggml"
    # On cards neither was timed, and llama.cpp is what mostly runs its formats there.
    assert estimate(qwen, "rtx4090", phase="prefill", context=4096, weights="q4_0").software == "ggml"


def test_software_that_a_format_brings_along_is_named():
    usual, brought, asked = (
        estimate(GRANITE, "h200-sxm", weights=weights, stack=stack)
        for weights, stack in (("bf16", None), ("q4_0", None), ("q4_0", "llama.cpp"))
    )
    assert (usual.software, brought.software, asked.software) == ("serving", "ggml", "ggml")
    said = "q4_0 is timed as llama.cpp or its kin, bf16 as serving software"
    assert [said in " ".join(each.caveats) for each in (usual, brought, asked)] == [False, True, False]
    # Where llama.cpp runs everything, no format changes it.
    assert not any("timed as" in word for word in estimate(GRANITE, "m2ultra", weights="q4_0").caveats)


def test_pytorch_is_not_said_to_run_on_a_cpu_where_it_does_not():
    said = " ".join(estimate(GRANITE, "h200-sxm", stack="pytorch").caveats)
    assert "decode steps of PyTorch on NVIDIA datacenter devices" in said


def test_what_was_calibrated_on_is_what_counts_as_such():
    timed = [point for point in points() if point.fits]
    assert {told(p.load, software(p.load, p.on), p.on) for p in timed} == fitted().seen


def test_weights_in_a_16_bit_format_that_a_device_lacks_are_said_to_be_multiplied_in_the_other():
    for target, says in (("v100-sxm", True), ("t4", True), ("a100-80-sxm", False)):
        said = " ".join(estimate(GRANITE, target, weights="bf16").caveats)
        assert ("has no bf16 rate: what is stored in bf16 is multiplied in fp16" in said) == says
    assert not any("has no" in word for word in estimate(GRANITE, "v100-sxm").caveats)
