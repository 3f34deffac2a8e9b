"""The time model: monotone where physics says so, no faster than physics, plans and their collectives."""

from dataclasses import replace
from unittest.mock import Mock

import pytest

from core.cost import gpu
from core.cost import sweep as swept
from core.cost.caveats import caveats
from core.cost.count import count
from core.cost.devices import registry
from core.cost.efficiency import STACKS, fitted, software
from core.cost.formats import widths
from core.cost.network import gradients, messages
from core.cost.scenario import STACKS as KNOWN
from core.cost.scenario import Parallel, Scenario, Training
from core.design.presets.registry import preset

MIXTRAL = count(preset("mixtral-8x7b")).folded()
DEEPSEEK = count(preset("deepseek-v3")).folded()


def load(phase="decode", batch=8, context=2048, weights="bf16", **more):
    return Scenario(phase, batch, context, widths(weights), "bf16", **more)


@pytest.mark.parametrize("name", registry.processors())
@pytest.mark.parametrize("phase", ["decode", "prefill", "train"])
def test_every_device_gives_a_band_around_a_value(name, phase):
    step = gpu.step(MIXTRAL, load(phase), registry.device(name))
    assert 0 < step.low < step.seconds < step.high
    assert step.seconds == pytest.approx(sum(step.shares.values()))
    assert all(op.seconds == pytest.approx(op.compute + op.memory + op.launch) for op in step.ops)


@pytest.mark.parametrize("phase", ["decode", "prefill", "train"])
@pytest.mark.parametrize("field", ["bandwidth", "link", "network"])
def test_more_bandwidth_is_never_slower(phase, field):
    plan = Parallel(tp=2, ep=32, dp=16)
    asked = load(phase, 64, weights="fp8", parallel=plan, training=Training(micro_batch=1))
    on = registry.device("h100-sxm")
    seconds = [
        gpu.step(DEEPSEEK, asked, replace(on, **{field: getattr(on, field) * factor})).seconds
        for factor in (0.5, 1, 2, 4)
    ]
    assert seconds == sorted(seconds, reverse=True)
    assert seconds[0] > seconds[-1]


@pytest.mark.parametrize("stack", [None, "vllm"])
def test_more_batch_reads_no_fewer_experts_and_takes_no_less_time(stack):
    on, moved, took = registry.device("h200-sxm"), [], []
    for batch in (1, 2, 3, 8, 32, 100, 512):
        step = gpu.step(DEEPSEEK, load(batch=batch, weights="fp8", stack=stack), on)
        moved.append(next(op.bytes for op in step.ops if op.name == "experts"))
        took.append(step.seconds)
    assert moved == sorted(moved)
    assert took == sorted(took)


@pytest.mark.parametrize(("phase", "asked"), [("decode", {}), ("prefill", {"batch": 4})])
def test_no_step_beats_memory_or_peak(phase, asked):
    for name, on in registry.processors().items():
        step = gpu.step(MIXTRAL, load(phase, **asked), on)
        top = max(on.peak.values())
        assert step.seconds > sum(op.bytes for op in step.ops) / on.bandwidth, name
        assert step.seconds > sum(op.flops for op in step.ops) / top, name


def test_narrow_weights_cost_less_where_a_device_reads_them():
    on = registry.device("b200-sxm")
    seconds = [gpu.step(MIXTRAL, load(weights=form), on).seconds for form in ("bf16", "fp8", "nvfp4")]
    assert seconds == sorted(seconds, reverse=True)
    hopper, blackwell = (
        gpu.step(MIXTRAL, load(weights="nvfp4"), registry.device(name)) for name in ("h100-sxm", "b200-sxm")
    )
    (wide,), (own,) = ([op for op in s.ops if op.name == "experts"] for s in (hopper, blackwell))
    ratio = registry.device("b200-sxm").bandwidth / registry.device("h100-sxm").bandwidth
    # Beyond its bandwidth: what Hopper must widen first arrives more slowly.
    assert wide.memory / own.memory == pytest.approx(ratio / fitted().values["widen_memory"])


def test_a_matrix_cut_eight_ways_reads_an_eighth_and_sends():
    on = registry.device("h100-sxm")
    one, eight = (gpu.step(MIXTRAL, load(batch=1, parallel=Parallel(tp=tp)), on) for tp in (1, 8))
    ((whole,), (cut,)) = ([op.bytes for op in s.ops if op.name == "experts"] for s in (one, eight))
    assert whole / cut == pytest.approx(8, rel=0.01)
    assert [op.name for op in eight.ops if op.bound == "network"] == ["all-reduce"]
    assert eight.seconds < one.seconds


def test_a_latent_cache_is_whole_on_every_device():
    on = registry.device("h100-sxm")
    read = [
        next(
            op.bytes
            for op in gpu.step(counts, load(parallel=Parallel(tp=tp)), on).ops
            if op.name == "attention"
        )
        for counts in (DEEPSEEK, MIXTRAL)
        for tp in (1, 8)
    ]
    assert read[0] == read[1]
    assert read[2] == pytest.approx(8 * read[3])


def test_islands_first_send_a_token_to_fewer_nodes():
    on = registry.device("h100-sxm")
    asked = load(batch=1024, weights="fp8", parallel=Parallel(ep=64, dp=64))
    free = DEEPSEEK.design.model_dump(mode="json")
    for repeat in free["stacks"][0]["layers"]:
        for layer in repeat["pattern"]:
            for part in layer["parts"]:
                if part["body"]["kind"] == "moe":
                    part["body"]["router"]["select"] = {"kind": "top_k", "k": 8}
    anywhere = count(type(DEEPSEEK.design).model_validate(free)).folded()
    sent = [
        next(m for m in messages(counts, asked, on) if m.name == "all-to-all")
        for counts in (DEEPSEEK, anywhere)
    ]
    assert sent[0].outside < sent[1].outside
    assert sent[0].inside < sent[1].inside
    # One token goes at most once to each of 8 nodes, 7 of them elsewhere, however many experts lie there.
    token = 7168 * 2 * 1024 / 64
    assert sent[1].outside <= 7 * token * 1.2


def test_the_busiest_rank_has_more_than_its_share():
    on = registry.device("h100-sxm")
    few = load(batch=32, weights="fp8", parallel=Parallel(ep=32, dp=32))
    step = gpu.step(DEEPSEEK, few, on)
    whole = gpu.step(DEEPSEEK, replace(few, parallel=Parallel()), on)
    (mine,), (all_of_them,) = ([op for op in s.ops if op.name == "experts"] for s in (step, whole))
    assert mine.bytes > all_of_them.bytes / 32


def test_a_pipeline_trains_with_a_bubble_that_more_micro_batches_hide():
    counts, on = count(preset("mixtral-8x7b"), training=True), registry.device("h100-sxm")
    shares = []
    for batch in (4, 16, 64):
        step = gpu.step(
            counts,
            load("train", batch, parallel=Parallel(pp=4), training=Training(micro_batch=1)),
            on,
        )
        (idle,) = [op for op in step.ops if op.name == "pipeline fills and drains"]
        shares.append(idle.seconds / step.seconds)
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == pytest.approx(3 / 7, abs=0.05)


def test_copies_agree_on_gradients_and_experts_in_their_own_group():
    on = registry.device("h100-sxm")
    plan = Parallel(ep=4, dp=8)
    found = gradients(MIXTRAL, load("train", 8, parallel=plan), on)
    plain, experts = found
    assert plain.bytes == pytest.approx(6 * (MIXTRAL.total - MIXTRAL.routed) * 7 / 8)
    assert experts.bytes == pytest.approx(6 * MIXTRAL.routed / 4 * 1 / 2)


def test_capacity_pads_experts_and_recomputation_runs_again():
    switch = count(preset("switch-base-8"), training=True).folded()
    on = registry.device("h100-sxm")
    plain = gpu.step(switch, load("train", 4, 512), on)
    again = gpu.step(switch, load("train", 4, 512, training=Training(recompute="full")), on)
    assert again.seconds > plain.seconds
    (op,) = [op for op in plain.ops if op.name == "experts"][:1]
    part = next(part for part in switch.parts if part.pointer == op.pointer)
    useful = 3 * 2 * 4 * 512 * dict(part.macs)["expert"] * part.times
    factor = part.placed.part.body.router.capacity.train
    assert op.flops == pytest.approx(useful * factor, rel=0.02)


def test_every_stack_has_a_class_and_a_known_one_its_own_factor():
    assert set(STACKS) == set(KNOWN)
    on, c = registry.device("h100-sxm"), fitted()
    assert {software(load(stack=stack), on) for stack in STACKS} == set(STACKS.values()) - {"trainer"}
    # A server does not train, and a trainer does not serve: what usually does takes its place.
    assert software(load("train", stack="vllm"), on) == software(load("train"), on) == "trainer"
    assert software(load(stack="megatron"), on) == "serving"
    assert software(load(weights="q4_k_m"), on) == "ggml"
    assert software(load(), registry.device("m3max")) == "ggml"
    assert software(load(), on) == "serving"
    assert c.launch(load(stack="vllm"), "serving") != c.launch(load(), "serving")


@pytest.mark.parametrize(("offload", "laid"), [(None, 2 * 2 * 3), ("host", 3 * 2 * 3)])
def test_a_sweep_counts_once_and_lays_out_what_devices_share_once(monkeypatch, offload, laid):
    """Its seconds are in benchmarks/cost_speed.py; this is why they are few."""
    called = {name: Mock(wraps=getattr(swept, name)) for name in ("count", "works")}
    for name, spy in called.items():
        monkeypatch.setattr(swept, name, spy)
    targets = [registry.device(name) for name in ("h100-sxm", "h200-sxm", "t4")]
    found = list(swept.sweep(preset("mixtral-8x7b"), targets, ("bf16", "int4"), (1, 8, 64), offload=offload))
    assert len(found) == 3 * 2 * 3
    assert {name: spy.call_count for name, spy in called.items()} == {"count": 1, "works": laid}


def test_a_band_is_twice_as_wide_where_nothing_was_published_of_a_maker():
    def band(target, **more):
        on = registry.device(target)
        step = gpu.step(MIXTRAL, load(**more), on)
        return step.grade, step.low / step.seconds, step.high / step.seconds

    grade, low, high = band("h100-sxm")
    assert grade == "fitted"
    assert band("mi300x") == ("prior", pytest.approx(low**2), pytest.approx(high**2))
    # Apple's prefills were timed; its decoding, and no processor's, was not.
    assert band("m2ultra", phase="prefill")[0] == "fitted"
    assert [band(name)[0] for name in ("m2ultra", "cpu-desktop")] == ["prior", "prior"]


@pytest.mark.parametrize(
    ("target", "more", "grade"),
    [
        ("rtx3090", {"stack": "llama.cpp", "batch": 8}, "fitted"),
        ("rtx4090", {"stack": "llama.cpp", "batch": 1}, "prior"),
        ("gb10", {"stack": "llama.cpp", "batch": 1}, "fitted"),
        ("rtx4090", {"stack": "llama.cpp", "phase": "prefill"}, "prior"),
        ("rtx4090", {"stack": "vllm"}, "prior"),
        ("h200-sxm", {"parallel": Parallel(ep=8, dp=8), "batch": 64}, "fitted"),
        ("h200-sxm", {"parallel": Parallel(ep=8, dp=16), "batch": 64}, "prior"),
        ("h100-sxm", {"phase": "train", "parallel": Parallel(ep=8, dp=16), "batch": 16}, "fitted"),
        ("h100-sxm", {"phase": "train", "weights": "fp8"}, "fitted"),
        ("h100-sxm", {"phase": "train", "weights": "mxfp4"}, "prior"),
        ("h100-sxm", {"phase": "train", "weights": "q4_0"}, "prior"),
    ],
)
def test_what_no_timing_is_near_to_is_a_prior_and_says_so(target, more, grade):
    asked, on = load(**more), registry.device(target)
    found = gpu.step(MIXTRAL, asked, on)
    assert found.grade == grade
    said = " ".join(caveats(asked, on, found.grade))
    assert ("twice as wide" in said) == (grade == "prior")


def test_an_optimizer_moves_what_it_keeps():
    def moved(name):
        asked = load("train", 8, 512, training=Training(optimizer=name, zero=0))
        return next(
            op for op in gpu.step(MIXTRAL, asked, registry.device("h100-sxm")).ops if op.name == "optimizer"
        )

    assert moved("adamw").bytes == pytest.approx(30 * MIXTRAL.total)
    assert moved("sgd").bytes == pytest.approx(22 * MIXTRAL.total)
    tables = 2 * 32000 * 4096
    assert moved("muon").bytes == pytest.approx(22 * (MIXTRAL.total - tables) + 30 * tables)
    assert moved("adamw8bit").seconds < moved("muon").seconds < moved("adamw").seconds
