"""Bytes: widths with scales, windows, states, optimizer."""

import pytest

from core.cost.count import count
from core.cost.formats import FORMATS, number_format, widths
from core.cost.memory import cache_bytes, inference, training, weight_bytes
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
    assert cache_bytes(MIXTRAL, 3, 1000).value == 3 * 1000 * 65_536 * 2
    gpt = count(preset("gpt-oss-120b"))
    assert cache_bytes(gpt, 1, 4096).value == 36_864 / 2 * (4096 + 128) * 2
    qwen = count(preset("qwen3-next-80b-a3b"))
    grows = cache_bytes(qwen, 1, 2).value - cache_bytes(qwen, 1, 1).value
    assert grows == 2 * qwen.kv_elements()
    assert cache_bytes(qwen, 1, 1).value - grows == 4 * qwen.state_elements()


def test_training_is_sixteen_bytes_a_parameter_and_activations():
    for weights in ("fp32", "bf16"):
        rows = dict(training(STARTER, batch=4, weights=widths(weights)).rows)
        assert rows["weights"].value + rows["gradients"].value + rows["optimizer"].value == 16 * STARTER.total
        assert rows["activations"].grade == "prior"
    small, large = (
        dict(training(STARTER, batch=b, weights=widths("fp32")).rows)["activations"].value for b in (1, 8)
    )
    assert large == pytest.approx(8 * small)


def test_latent_experts_hold_latent_vectors():
    def activations(latent: int | None) -> float:
        bank = moe([glu(64, 4)], router(2), latent=latent)
        task = {"width": 256, "task": language(8), "stacks": decoder(repeat(1, layer(attention(2), bank)))}
        counts = count(Design.model_validate(task))
        return dict(training(counts, batch=1, weights=widths("fp32")).rows)["activations"].value

    # Two experts a token, each reads and writes 32 numbers instead of 256; two projections hold 32 each.
    assert activations(None) - activations(32) == 8 * (2 * 2 * (256 - 32) - 2 * 32) * 4


def test_sums_are_as_sure_as_their_rows():
    memory = inference(MIXTRAL, batch=2, context=512, weights=widths("bf16"), reserved=1e9)
    assert memory.total.value == sum(figure.value for _, figure in memory.rows)
    assert memory.total.grade == "prior"
    assert memory.total.low < memory.total.value < memory.total.high


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="Did you mean 'bf16'"):
        number_format("bf61")
    with pytest.raises(ValueError, match="use bf16 or fp32"):
        training(STARTER, batch=1, weights=widths("int8"))
