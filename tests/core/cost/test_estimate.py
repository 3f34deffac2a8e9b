"""Estimates: bounds of physics, order of targets, published timings inside the band, mistakes in words."""

import pytest

from core.cost.devices import registry
from core.cost.estimate import estimate, strip
from core.cost.formats import widths
from core.cost.formulas import FORMULAS
from core.cost.fpga import Engine, on_engine
from core.cost.scenario import PHASES, Scenario
from core.design.presets.pieces import attention, decoder, glu, language, layer, moe, repeat, router
from core.design.presets.registry import names, preset
from core.design.spec import Design

SERVING = ("h100-sxm", "h200-sxm", "a100-80-sxm", "rtx4090")


@pytest.mark.parametrize("target", [*SERVING, "zcu104"])
@pytest.mark.parametrize("name", names())
def test_every_preset_on_every_target(name, target):
    design = preset(name)
    for phase in PHASES:
        if (phase == "train" and target == "zcu104") or (phase == "decode" and not design.task.causal_loss):
            continue
        found = estimate(design, target, phase=phase, context=min(1024, design.task.tokens))
        assert 0 < found.step.low < found.step.value < found.step.high
        assert found.step.value == pytest.approx(sum(op.seconds for op in found.ops) + found.host)
        assert found.rate.value * found.step.value == pytest.approx(found.load.rows)
        assert found.fits == (not found.lacks)
        assert {found.step.formula, found.rate.formula} <= FORMULAS.keys()


def test_no_step_beats_memory_or_peak():
    design = preset("mixtral-8x7b")
    for target in SERVING:
        on = registry.device(target)
        decode = estimate(design, target, batch=1, context=512)
        assert decode.step.value > 2 * 12.7e9 / on.bandwidth
        prefill = estimate(design, target, phase="prefill", batch=4, context=2048)
        assert prefill.step.value > sum(op.flops for op in prefill.ops) / on.peak["bf16"]


def test_a_batch_reads_more_experts_until_all_are_read():
    def moved(batch):
        ops = estimate(preset("mixtral-8x7b"), "h100-sxm", batch=batch, context=512, correlation=1.0).ops
        return next(op.bytes for op in ops if op.name == "experts")

    one, two, all_of_them = moved(1), moved(2), moved(256)
    routed = 45_097_156_608 * 2
    assert one == pytest.approx(routed * 2 / 8, rel=0.01)
    # A little less than two independent tokens would: tokens of one batch choose alike.
    assert two / one == pytest.approx(2 - 2 / 8, rel=0.05)
    assert all_of_them == pytest.approx(routed, rel=0.1)


@pytest.mark.parametrize(
    ("design", "target", "asked", "seconds"),
    [
        ("gpt-oss-120b", "h200-sxm", {"batch": 4, "context": 5120, "weights": "mxfp4"}, 6.146e-3),
        ("gpt-oss-120b", "h200-sxm", {"batch": 16, "context": 5120, "weights": "mxfp4"}, 11.735e-3),
        ("gpt-oss-120b", "h200-sxm", {"batch": 64, "context": 5120, "weights": "mxfp4"}, 23.441e-3),
        ("deepseek-v2-lite", "rtx3090", {"batch": 16, "context": 256, "weights": "q4_0"}, 16 / 784.29),
        ("mixtral-8x7b", "a100-80-sxm", {"batch": 1, "context": 576, "weights": "int8"}, 1 / 81),
    ],
)
def test_published_timings_lie_in_the_band(design, target, asked, seconds):
    found = estimate(preset(design), target, **asked)
    assert found.step.low <= seconds <= found.step.high


def test_measured_skew_reads_fewer_experts():
    design = preset("starter")
    paths = [o.path for o in design.occurrences() if o.body.kind == "moe"]
    skewed = dict.fromkeys(paths, (1.0, 1.0, 0, 0, 0, 0, 0, 0))
    even = estimate(design, "h100-sxm", batch=64)
    found = estimate(design, "h100-sxm", batch=64, measured=skewed)
    moved = [next(op.bytes for op in e.ops if op.name == "experts") for e in (found, even)]
    assert moved[0] < 0.6 * moved[1]


def test_this_cpu_is_measured():
    on = registry.device("this-cpu")
    assert on is registry.device("this-cpu")
    assert 1e8 < on.peak["fp32"] < 1e14
    assert 1e8 < on.bandwidth < 1e13
    assert estimate(preset("starter"), "this-cpu", phase="train", batch=4).fits


def test_an_fpga_says_what_lacks_and_what_would_help():
    found = estimate(preset("mixtral-8x7b"), "zcu104", context=512)
    assert found.lacks == ("DRAM: 46.7\u2009GB of 2.0\u2009GB",)
    small = estimate(preset("starter"), "zcu104")
    assert small.fits
    assert {use.name for use in small.fit.uses} == {"DSP", "BRAM36", "URAM", "DRAM"}


def test_batch_one_decode_on_an_fpga_is_bound_by_weights():
    found = estimate(preset("switch-base-8"), "zcu104", context=64)
    streamed = sum(op.bytes for op in found.ops) / registry.device("zcu104").stream
    assert found.step.value == pytest.approx(streamed, rel=0.1)


def test_engine_cycles_count_padding():
    design = preset("starter")
    counts = estimate(design, "zcu104").counts
    load = Scenario("prefill", 1, 64, widths("int8"), "int8")
    board = registry.device("zcu104")
    exact, odd = (on_engine(counts, load, board, Engine(ti, 8)) for ti in (8, 7))
    assert odd.seconds.value > exact.seconds.value
    assert exact.hidden_rows == pytest.approx(64 / min(64, board.stream / 300e6))


@pytest.mark.parametrize("target", ["h100-sxm", "zcu104"])
def test_experts_of_a_latent_width_work_as_those_of_a_model_that_wide(target: str) -> None:
    """Nothing of the experts' operator depends on the width outside of their two projections."""

    def experts(width: int, latent: int | None) -> list[tuple[float, float, float]]:
        bank = moe([glu(64, 4)], router(2), latent=latent)
        design = {
            "width": width,
            "task": language(8),
            "stacks": decoder(repeat(1, layer(attention(2), bank))),
        }
        found = estimate(Design.model_validate(design), target, phase="prefill")
        return [(op.flops, op.bytes, op.seconds) for op in found.ops if op.name == "experts"]

    assert experts(512, 64) == experts(64, None)
    assert experts(512, 64) != experts(512, None)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"target": "h100"}, "Did you mean 'h100-sxm'"),
        ({"target": "h100-sxm", "phase": "think"}, "prefill, decode, train"),
        ({"target": "h100-sxm", "batch": 0}, "batch of 0"),
        ({"target": "h100-sxm", "context": -3}, "context of -3"),
        ({"target": "h100-sxm", "weights": "w8a8"}, "number format"),
        ({"target": "zcu104", "weights": "bf16"}, "w8a8"),
        ({"target": "zcu104", "weights": "w99a8"}, "1 to 32 bits"),
        ({"target": "zcu104", "phase": "train"}, "does not train"),
    ],
)
def test_mistakes_are_sentences(asked, words):
    with pytest.raises(ValueError, match=words):
        estimate(preset("starter"), **asked)


def test_pictures_do_not_decode():
    with pytest.raises(ValueError, match="Only a language model"):
        estimate(preset("digits-vit"), "h100-sxm", phase="decode")


def test_strip_of_a_small_and_of_a_huge_design():
    cells = strip(preset("starter"))
    assert [cell.label for cell in cells] == [
        "Total parameters",
        "Active parameters",
        "FLOPs per token",
        "Weights, bf16",
        "H100 SXM, decode batch 1",
        "ZCU104, w8a8",
    ]
    assert all(cell.figure is not None for cell in cells)
    huge = strip(preset("deepseek-v3"))
    assert [cell.figure is None for cell in huge] == [False] * 4 + [True] * 2
    assert "of 80.0\u2009GB" in huge[4].note
