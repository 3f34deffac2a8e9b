"""Experts off the device: a published timing, bytes by hand, and what must hold wherever they lie."""

import math

import pytest

from core.cost import gpu, offload
from core.cost.asking import RefusedError
from core.cost.count import count
from core.cost.devices import registry
from core.cost.efficiency import fitted
from core.cost.estimate import estimate
from core.cost.formats import widths
from core.cost.scenario import WAYS, Offload, Scenario
from core.design.presets.registry import preset

QWEN, MIXTRAL = preset("qwen3-30b-a3b"), preset("mixtral-8x7b")
PHASES = ("decode", "prefill", "train")


def test_a_published_timing_with_experts_on_the_host():
    """Qwen3-30B, Q4_K_M, 36 of 48 expert layers on quad DDR4 (AlexsJones/llmfit#755): 36.7 tokens/s."""
    counts = count(QWEN).folded()
    host = registry.own({"kind": "cpu", "memory_gb": 64, "bandwidth_gbs": 102, "peak_tflops": {"fp32": 1.5}})
    on = registry.device("rtx2080")

    def moved(layers):
        how = Offload("host", layers, layers / 48, host)
        asked = Scenario("decode", 1, 150, widths("q4_k_m"), "fp16", stack="llama.cpp", offload=how)
        return gpu.step(counts, asked, on)

    assert moved(36).low < 1 / 36.7 < moved(36).high
    nothing, plain = moved(0), Scenario("decode", 1, 150, widths("q4_k_m"), "fp16", stack="llama.cpp")
    assert nothing.seconds == pytest.approx(gpu.step(counts, plain, on).seconds)
    assert nothing.seconds < moved(36).seconds < moved(48).seconds


def test_what_is_fetched_takes_the_slower_way():
    def step(**asked):
        return estimate(QWEN, "rtx4090", batch=1, context=150, **asked)

    over, drive = step(offload="pcie"), step(offload="nvme")
    assert step().step.value < over.step.value < drive.step.value
    (op,) = [op for op in over.ops if op.name == "fetched experts"]
    assert op.bytes == pytest.approx(48 * 8 * 3 * 2048 * 768 * 2, rel=0.01)
    link = fitted().values["link"]
    assert op.seconds == pytest.approx(op.bytes / (registry.device("rtx4090").pcie * link))
    (op,) = [op for op in drive.ops if op.name == "fetched experts"]
    assert op.seconds == pytest.approx(op.bytes / (offload.NVME * link))
    assert step(offload="pcie", offload_layers=0).step.value == pytest.approx(step().step.value)
    half = step(offload="pcie", offload_layers=24).step.value
    assert half - step().step.value == pytest.approx((over.step.value - step().step.value) / 2)


@pytest.mark.parametrize("way", WAYS)
def test_memory_that_leaves_the_device_is_on_the_host(way):
    stays, moved = estimate(QWEN, "rtx4090"), estimate(QWEN, "rtx4090", offload=way, offload_layers=12)
    left = dict(stays.needs.rows)["weights"].value - dict(moved.needs.rows)["weights"].value
    assert left == moved.asks.beside.value == pytest.approx(12 * 128 * 3 * 2048 * 768 * 2)
    assert ("fetched experts" in dict(moved.needs.rows)) == (way != "host")
    assert stays.asks.beside is None
    assert not stays.fits
    assert estimate(QWEN, "rtx4090", offload=way, context=4096).fits


def test_a_host_without_the_memory_is_said():
    found = estimate(preset("deepseek-v3"), "rtx4090", offload="host", weights="bf16", context=4096)
    assert any(lack.startswith("memory of the host: 1.31") for lack in found.lacks)
    assert not any("host" in lack for lack in estimate(QWEN, "rtx4090", offload="host").lacks)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("plan", [{}, {"tp": 2, "ep": 2}, {"pp": 2}, {"ep": 4, "dp": 4}])
def test_every_phase_and_plan_takes_it_and_none_gets_faster(way, phase, plan):
    asked = {"phase": phase, "batch": 8, "context": 512, **plan}
    stays = estimate(MIXTRAL, "a100-80-sxm", **asked)
    moved = estimate(MIXTRAL, "a100-80-sxm", offload=way, **asked)
    assert stays.step.value < moved.step.value < math.inf
    assert moved.step.low < moved.step.value < moved.step.high
    assert (moved.step.grade, stays.step.grade) == ("prior", "fitted")
    assert moved.needs.total.value < stays.needs.total.value
    assert any("off the device" in told for told in moved.caveats)


def test_training_fetches_twice_sends_gradients_back_and_updates_on_the_host():
    found = estimate(MIXTRAL, "h100-sxm", phase="train", offload="pcie", context=4096)
    (op,) = [op for op in found.ops if op.name == "fetched experts"]
    experts = 32 * 8 * 3 * 4096 * 14336
    assert op.bytes == pytest.approx(3 * 2 * experts)
    (host,) = [op for op in found.ops if op.name == "optimizer on the host"]
    (here,) = [op for op in found.ops if op.name == "optimizer"]
    assert host.bytes == 30 * experts
    assert here.bytes == pytest.approx(30 * (found.counts.total - experts))
    assert found.asks.beside.value == (2 + 4 + 8 + 4) * experts


@pytest.mark.parametrize(
    ("design", "target", "asked", "words"),
    [
        ("mixtral-8x7b", "m4max", {"offload": "host"}, "one memory with its host"),
        ("dense-twin", "rtx4090", {"offload": "pcie"}, "this design has none"),
        ("mixtral-8x7b", "zcu104", {"offload": "nvme"}, "has no host here"),
    ],
)
def test_nowhere_to_move_to_is_a_sentence(design, target, asked, words):
    with pytest.raises(RefusedError, match=words) as raised:
        estimate(preset(design), target, **asked)
    assert raised.value.problems[0].fix.startswith("To fix this")
