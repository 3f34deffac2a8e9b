"""Experts of unequal width on several devices: a step takes as long as the device that has most to do."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.cost import gpu
from core.cost.count import count
from core.cost.devices import registry
from core.cost.formats import widths
from core.cost.memory import inference
from core.cost.network import gradients
from core.cost.scenario import Parallel, Scenario, Training
from core.cost.spread import crowded, heaviest
from core.cost.works import works
from core.design.presets.registry import preset
from core.design.spec import Design

H200 = registry.device("h200-sxm")
PHASES = {"decode": (256, 1024), "prefill": (8, 1024), "train": (8, 512)}


def mixtral(*inner: int) -> Design:
    """Mixtral with one expert of each width, in this order."""
    data = preset("mixtral-8x7b").model_dump(mode="json")
    for repeat in data["stacks"][0]["layers"]:
        for layer in repeat["pattern"]:
            for part in layer["parts"]:
                if part["body"]["kind"] == "moe":
                    (group,) = part["body"]["experts"]
                    part["body"]["experts"] = [{**group, "count": 1, "hidden": i} for i in inner]
    return Design.model_validate(data)


def asked(phase: str, ep: int, weights: str = "bf16") -> Scenario:
    batch, context = PHASES[phase]
    plan = Parallel(ep=ep, dp=ep)
    return Scenario(phase, batch, context, widths(weights), "bf16", plan, Training(1))


def took(design: Design, phase: str, ep: int) -> float:
    return gpu.step(count(design, training=phase == "train"), asked(phase, ep), H200).seconds


def experts(design: Design, phase: str, ep: int, weights: str = "bf16"):
    load = asked(phase, ep, weights)
    return next(w for stage in works(count(design), load) for w in stage if w.grouped)


@pytest.mark.parametrize("phase", PHASES)
def test_one_wide_expert_alone_on_a_device_takes_about_what_all_wide_ones_take(phase):
    narrow, one, wide = (
        took(mixtral(*inner), phase, 8) for inner in ((14336,) * 8, (14336,) * 7 + (60000,), (60000,) * 8)
    )
    assert narrow < one <= wide
    # Chance makes one of eight equal devices a little fuller still.
    assert one == pytest.approx(wide, rel=0.12)


def test_bytes_and_flops_are_those_of_the_device_with_the_wide_expert():
    work = experts(mixtral(*(14336,) * 7, 60000), "decode", 8)
    assert work.weights == pytest.approx(3 * 4096 * 60000 * 2)
    assert work.flops == pytest.approx(2 * 256 * 2 / 8 * 3 * 4096 * 60000)


@pytest.mark.parametrize("phase", PHASES)
@settings(max_examples=12)
@given(
    inner=st.lists(st.integers(16, 40_000), min_size=8, max_size=8),
    at=st.integers(0, 7),
    more=st.integers(0, 40_000),
    ep=st.sampled_from([1, 2, 4, 8]),
)
def test_wider_experts_are_never_faster_and_lie_between_the_narrowest_and_the_widest(
    phase, inner, at, more, ep
):
    seconds = took(mixtral(*inner), phase, ep)
    wider = [each + (more if e == at else 0) for e, each in enumerate(inner)]
    assert seconds <= took(mixtral(*wider), phase, ep) * (1 + 1e-9)
    bounds = [took(mixtral(*[each] * 8), phase, ep) for each in (min(inner), max(inner))]
    assert bounds[0] * (1 - 1e-9) <= seconds <= bounds[1] * (1 + 1e-9)


def test_the_device_with_the_wide_expert_updates_it_and_sends_its_gradients():
    design = mixtral(*(14336,) * 7, 60000)
    load = Scenario("train", 16, 512, widths("bf16"), "bf16", Parallel(ep=8, dp=16), Training(1))
    wide = 32 * 3 * 4096 * 60000
    (sent,) = (m for m in gradients(count(design), load, H200) if m.name == "expert gradients")
    assert sent.inside == pytest.approx(6 * wide / 2)
    alone = gpu.optimizer_bytes(count(design), asked("train", 8))
    counts = count(design)
    assert alone == pytest.approx(30 * ((counts.total - counts.routed) / 8 + wide))


def test_experts_lie_where_they_are_written():
    together, apart = mixtral(*(4096,) * 6, 60000, 60000), mixtral(60000, *(4096,) * 6, 60000)
    for phase in PHASES:
        assert took(together, phase, 4) > 1.2 * took(apart, phase, 4)
        assert took(together, phase, 1) == pytest.approx(took(apart, phase, 1))
    mine, other = (inference(count(d), asked("prefill", 4)).peak.value for d in (together, apart))
    assert mine > other


def test_equal_experts_written_one_by_one_cost_what_a_group_of_them_costs():
    one_by_one, group = mixtral(*(14336,) * 8), preset("mixtral-8x7b")
    for phase in PHASES:
        assert took(one_by_one, phase, 8) == pytest.approx(took(group, phase, 8), rel=1e-9)


def test_an_expert_stored_wide_is_read_by_the_device_it_lies_on():
    design = mixtral(*(14336,) * 8)
    moe = next(p for p in count(design).parts if p.groups)
    rules = {"default": "int4", f"{moe.pointer}/experts/7": "bf16"}
    load = asked("decode", 8)
    plain, mixed = (
        next(
            w
            for stage in works(count(design), Scenario("decode", 256, 1024, w, "bf16", load.parallel))
            for w in stage
            if w.grouped and w.pointer == moe.pointer
        ).weights
        for w in (widths("bf16"), widths(rules))
    )
    assert mixed == pytest.approx(plain, rel=1e-3)


def test_what_was_measured_weighs_by_width():
    design = mixtral(*(4096,) * 7, 16384)
    pointers = [part.pointer for part in count(design).parts if part.groups]
    busy_narrow = (1.0, *[1 / 7] * 7)
    (part,) = [p for p in count(design, {pointers[0]: busy_narrow}).parts if p.pointer == pointers[0]]
    macs = [group.macs for group in part.groups]
    loads = [rate * size for rate, size in zip(busy_narrow, macs, strict=True)]
    assert crowded(part, 512, 8, False) == pytest.approx(8 / 2)
    assert crowded(part, 512, 8, False, macs) == pytest.approx(8 * max(loads) / sum(loads))
    assert heaviest([[1.0, 3.0], [3.0, 1.0]], 2) == pytest.approx(1.5)


def test_experts_padded_to_a_capacity_differ_by_width_alone():
    data = preset("switch-base-8").model_dump(mode="json")
    for stack in data["stacks"]:
        for repeat in stack["layers"]:
            for layer in repeat["pattern"]:
                for part in layer["parts"]:
                    if part["body"]["kind"] == "moe":
                        (group,) = part["body"]["experts"]
                        wide = {**group, "count": 1, "hidden": 3 * group["hidden"]}
                        part["body"]["experts"] = [{**group, "count": 7}, wide]
    counts = count(Design.model_validate(data), training=True)
    part = next(p for p in counts.parts if p.groups)
    factor = part.placed.part.body.router.capacity.train
    assert crowded(part, 1e4, 8, True) == factor
    assert crowded(part, 1e4, 8, True, [g.macs for g in part.groups]) == pytest.approx(
        factor * 3 * 8 / 10, rel=1e-2
    )
