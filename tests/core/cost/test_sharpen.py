"""Two timings of a stack, and experts that lie elsewhere."""

from dataclasses import replace

import pytest

from core.cost import gpu
from core.cost.count import count
from core.cost.devices import registry
from core.cost.efficiency import fitted
from core.cost.formats import widths
from core.cost.scenario import Scenario
from core.cost.sharpen import Timing, sharpen
from core.design.presets.registry import preset

COUNTS = count(preset("gpt-oss-120b")).folded()
H200 = registry.device("h200-sxm")
LOAD = Scenario("decode", 1, 5120, widths("mxfp4"), "bf16")


@pytest.mark.parametrize("stack", [None, "vllm", "llama.cpp"])
def test_both_timings_come_out_and_others_follow(stack):
    asked = replace(LOAD, stack=stack)
    c = fitted()
    slower = replace(
        c, values={name: v * (1.4 if name[:5] in ("launc", "eager") else 1) for name, v in c.values.items()}
    )
    slower = replace(slower, values={**slower.values, "memory": c.values["memory"] * 0.8})
    timings = [Timing(b, gpu.step(COUNTS, replace(asked, batch=b), H200, slower).seconds) for b in (2, 32)]
    found = sharpen(COUNTS, asked, H200, timings)
    for batch in (2, 8, 32, 64):
        mine = gpu.step(COUNTS, replace(asked, batch=batch), H200, found.constants).seconds
        theirs = gpu.step(COUNTS, replace(asked, batch=batch), H200, slower).seconds
        assert mine == pytest.approx(theirs, rel=0.01)
    step = gpu.step(COUNTS, asked, H200, found.constants)
    assert step.high / step.low < gpu.step(COUNTS, asked, H200).high / gpu.step(COUNTS, asked, H200).low


def test_a_maker_that_nothing_was_published_of_is_trusted_once_it_was_timed():
    mi300x = registry.device("mi300x")
    before = gpu.step(COUNTS, LOAD, mi300x)
    timings = [Timing(b, gpu.step(COUNTS, replace(LOAD, batch=b), mi300x).seconds) for b in (2, 32)]
    after = gpu.step(COUNTS, LOAD, mi300x, sharpen(COUNTS, LOAD, mi300x, timings).constants)
    assert (before.grade, after.grade) == ("prior", "fitted")
    assert after.high / after.low == pytest.approx(1.15 / 0.88)


def test_published_timings_of_one_stack_sharpen_the_rest():
    """vLLM on one H200, published: batch 4 and 64 in, 8, 16 and 32 out."""
    asked = replace(LOAD, stack="vllm")
    found = sharpen(COUNTS, asked, H200, [Timing(4, 6.146e-3), Timing(64, 23.441e-3)])
    for batch, seconds in ((8, 8.674e-3), (16, 11.735e-3), (32, 16.153e-3)):
        mine = gpu.step(COUNTS, replace(asked, batch=batch), H200, found.constants)
        assert mine.seconds == pytest.approx(seconds, rel=0.12)


@pytest.mark.parametrize(
    ("timings", "words"),
    [
        ([Timing(1, 0.01)], "Two decode timings"),
        ([Timing(1, 0.01), Timing(1, 0.02)], "two batches"),
        ([Timing(1, -0.01), Timing(8, 0.02)], "seconds above zero"),
        ([Timing(1, 10.0), Timing(8, 20.0)], "no stack does"),
    ],
)
def test_timings_that_cannot_be_are_sentences(timings, words):
    with pytest.raises(ValueError, match=words):
        sharpen(COUNTS, LOAD, H200, timings)
