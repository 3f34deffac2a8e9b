"""The table of devices and a user's own: facts that are often quoted wrong, mistakes in words."""

import pytest

from core.cost.devices import registry
from core.cost.devices.base import Processor


def test_every_row_has_peaks_bandwidth_and_a_source():
    found = registry.processors()
    assert len(found) == 34
    for name, on in found.items():
        assert on.name == name
        assert on.compute in on.peak
        assert on.memory > 1e9
        assert on.bandwidth > 1e10
        assert on.source
        assert on.confidence
        assert on.usable <= on.memory


@pytest.mark.parametrize(
    ("name", "form", "tflops"),
    [
        # 1979 counts structured sparsity, 2615 of the MI300X is FP8, GeForce halves fp16 with fp32 sums.
        ("h100-sxm", "bf16", 989.4),
        ("mi300x", "bf16", 1307.4),
        ("mi300x", "fp8", 2614.9),
        ("rtx3090", "bf16", 71),
        ("rtx5090", "bf16", 209.5),
        ("a10g", "bf16", 70),
        ("t4", "fp16", 65.1),
    ],
)
def test_peaks_are_dense(name, form, tflops):
    assert registry.device(name).peak[form] == pytest.approx(tflops * 1e12)


def test_what_has_no_bfloat16_computes_in_float16():
    assert [registry.device(name).compute for name in ("t4", "v100-sxm", "rtx2080", "h100-sxm")] == [
        "fp16",
        "fp16",
        "fp16",
        "bf16",
    ]


def test_a_mac_keeps_a_quarter_of_its_memory():
    on = registry.device("m2ultra")
    assert on.usable == pytest.approx(144e9)


def test_a_device_of_ones_own():
    on = registry.own(
        {
            "title": "Mine",
            "memory_gb": 48,
            "bandwidth_gbs": 1000,
            "peak_tflops": {"bf16": 200},
            "power_w": 300,
        }
    )
    assert isinstance(on, Processor)
    assert (on.title, on.memory, on.bandwidth, on.peak["bf16"]) == ("Mine", 48e9, 1e12, 200e12)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({}, "peaks by number format"),
        ({"memory_gb": 1, "bandwidth_gbs": 1, "peak_tflops": {"bf17": 1}}, "peaks by number format"),
        ({"memory_gb": 1, "bandwidth_gbs": 1, "peak_tflops": {"bf16": 1, "fp9": 1}}, "no peak of 'fp9'"),
        ({"memory_gb": -1, "bandwidth_gbs": 1, "peak_tflops": {"bf16": 1}}, "memory_gb of -1"),
        ({"memory_gb": 1, "peak_tflops": {"bf16": 1}}, "bandwidth_gbs of None"),
        ({"memory": 1, "peak_tflops": {"bf16": 1}}, "Did you mean 'memory_gb'"),
        ({"memory_gb": 1, "bandwidth_gbs": 1, "peak_tflops": {"bf16": 1}, "kind": "toaster"}, "'toaster'"),
    ],
)
def test_mistakes_of_an_own_device_are_sentences(row, words):
    with pytest.raises(ValueError, match=words) as found:
        registry.own(row)
    assert "To fix this, " in str(found.value)
