"""Bytes: widths with scales, windows, states, optimizer."""

import pytest

from core.cost.count import count
from core.cost.formats import FORMATS, number_format, widths
from core.cost.held import held
from core.cost.memory import inference, weight_bytes
from core.cost.scenario import Parallel, Scenario
from core.cost.training import training
from core.design.presets.pieces import attention, decoder, glu, language, layer, moe, repeat, router
from core.design.presets.registry import preset
from core.design.spec import Design

MIXTRAL = count(preset("mixtral-8x7b"))
STARTER = count(preset("starter"))


def test_widths_include_scales():
    widths = {name: form.width for name, form in FORMATS.items()}
    assert widths["mxfp4"] == 4.25
    assert widths["int4"] == widths["nvfp4"] == 4.5
    assert widths["q8_0"] == 8.5
    assert (widths["fp32"], widths["bf16"], widths["int8"]) == (32, 16, 8)


def test_narrow_weights_leave_norms_and_routers_alone():
    kept = sum(size for role, size in MIXTRAL.by_role if role in ("norm", "router"))
    assert weight_bytes(MIXTRAL, widths("bf16")).value == 2 * MIXTRAL.total
    assert weight_bytes(MIXTRAL, widths("fp32")).value == 4 * MIXTRAL.total
    assert weight_bytes(MIXTRAL, widths("int8")).value == MIXTRAL.total + kept
    assert weight_bytes(MIXTRAL, widths("nvfp4")).value == (MIXTRAL.total - kept) * 4.5 / 8 + 2 * kept


def test_mxfp4_is_for_experts_alone():
    rest = MIXTRAL.total - MIXTRAL.routed
    assert weight_bytes(MIXTRAL, widths("mxfp4")).value == MIXTRAL.routed * 4.25 / 8 + 2 * rest


def test_cache_is_windows_and_states():
    def cached(counts, batch, context):
        return dict(inference(counts, asked("decode", batch, context, "bf16")).held)["cache"].value

    assert cached(MIXTRAL, 3, 1000) == 3 * 1000 * 65_536 * 2
    assert cached(count(preset("gpt-oss-120b")), 1, 4096) == 36_864 / 2 * (4096 + 128) * 2
    qwen = count(preset("qwen3-next-80b-a3b"))
    grows = cached(qwen, 1, 2) - cached(qwen, 1, 1)
    assert grows == 2 * qwen.kv_elements()
    assert cached(qwen, 1, 1) - grows == 4 * qwen.state_elements()


def asked(phase, batch, context, weights, **more):
    return Scenario(phase, batch, context, widths(weights), "bf16", **more)


def test_training_is_sixteen_bytes_a_parameter_and_activations():
    for weights in ("fp32", "bf16"):
        rows = dict(training(STARTER, asked("train", 4, 64, weights)).rows)
        assert rows["weights"].value + rows["gradients"].value + rows["optimizer"].value == 16 * STARTER.total
    small, large = (training(STARTER, asked("train", b, 64, "fp32")).held[-1][1] for b in (1, 8))
    assert small.grade == "prior"
    assert large.value == pytest.approx(8 * small.value)


def test_latent_experts_hold_latent_vectors():
    def numbers(latent: int | None) -> float:
        bank = moe([glu(64, 4)], router(2), latent=latent)
        task = {"width": 256, "task": language(8), "stacks": decoder(repeat(1, layer(attention(2), bank)))}
        (part,) = [part for part in count(Design.model_validate(task)).parts if part.groups]
        return held(part, 256, Parallel(), 8).numbers()

    # Two experts a token, each reads and writes 32 numbers instead of 256; two projections hold 32 each.
    assert numbers(None) - numbers(32) == 2 * 2 * (256 - 32) - 2 * 32


def test_sums_are_as_sure_as_their_rows():
    memory = inference(MIXTRAL, asked("prefill", 2, 512, "bf16")).on(1e9, devices=1)
    assert memory.total.value == sum(figure.value for _, figure in memory.rows)
    assert memory.peak.value == sum(figure.value for _, figure in memory.held)
    assert memory.total.grade == "prior"
    assert memory.total.low < memory.total.value < memory.total.high


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="Did you mean 'bf16'"):
        number_format("bf61")
