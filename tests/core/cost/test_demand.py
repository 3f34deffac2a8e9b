"""What a step asks of any device: FLOPs by phase and part, distinct experts, bytes, per-device sums."""

import pytest

from core.cost.asking import scenario
from core.cost.count import count
from core.cost.coverage import even_variance, evenly_touched
from core.cost.demand import Demand
from core.cost.devices import registry
from core.cost.estimate import estimate
from core.cost.flops import flops
from core.cost.sweep import sweep
from core.design.presets.pieces import attention, decoder, glu, language, layer, moe, repeat, router
from core.design.presets.registry import preset
from core.design.spec import Design

DEEPSEEK, GLM, MIXTRAL = (preset(name) for name in ("deepseek-v3", "glm-5", "mixtral-8x7b"))


def demand(design, measured=None, **asked):
    load = scenario(design, asked)
    return Demand(count(design, measured, training=load.phase == "train"), load)


def test_a_prefill_is_every_token_but_the_head_is_the_last_one():
    asked = demand(MIXTRAL, phase="prefill", batch=3, sequence=100)
    each = flops(asked.counts, 100)
    head = next(part for part in each.parts if part.kind == "head")
    assert asked.flops.value == pytest.approx(300 * (each.forward - head.forward) + 3 * head.forward)


def test_a_training_step_is_forward_backward_and_what_is_done_again():
    plain = demand(MIXTRAL, phase="train", batch=4, sequence=64)
    each = flops(plain.counts, 64)
    assert plain.flops.value == pytest.approx(256 * each.train)
    again = demand(MIXTRAL, phase="train", batch=4, sequence=64, recompute="full")
    layers = sum(part.forward for part in each.parts if part.kind in ("attention", "moe"))
    assert again.flops.value - plain.flops.value == pytest.approx(256 * layers)


def test_decoding_meets_the_latent_itself_and_prefill_meets_keys_and_values():
    heads, rank, rope, nope, value = 128, 512, 64, 128, 128
    layers, context = 61, 1000

    def attention_of(phase, tokens):
        asked = demand(DEEPSEEK, phase=phase, batch=1, context=tokens)
        return sum(p.forward for p in asked.parts if p.kind == "mla")

    grows = attention_of("decode", 2 * context) - attention_of("decode", context)
    assert grows == pytest.approx(2 * layers * context * heads * (2 * rank + rope))
    twice = attention_of("prefill", 2 * context) - 2 * attention_of("prefill", context)
    # S (S + 1) / 2 pairs: of two sequences in one, the second also meets the first.
    assert twice == pytest.approx(2 * layers * context**2 * heads * (nope + rope + value))


def test_an_indexer_scans_every_key_and_attention_meets_those_it_picks():
    index = next(p.part.body.indexer for p in GLM.parts() if p.part.body.kind == "mla")
    mla = [p for p in GLM.parts() if p.part.body.kind == "mla"]
    scanning = sum(p.times for p in mla if not p.part.body.indexer.shared)
    short, long = (demand(GLM, phase="decode", context=c).flops.value for c in (4 * index.top, 8 * index.top))
    assert long - short == 2 * scanning * index.heads * index.head_width * 4 * index.top
    counts = count(GLM)
    assert counts.kv_elements(10 * index.top) == 10 * index.top * counts.kv_elements()
    assert counts.index_elements() == scanning * index.head_width


def test_a_window_bounds_what_decoding_meets():
    gpt = preset("gpt-oss-120b")
    near, far = (demand(gpt, phase="decode", context=c) for c in (1000, 2000))
    body = next(p.part.body for p in gpt.parts() if p.part.body.kind == "attention")
    each = 2 * body.heads * 2 * body.head(gpt.width)
    assert far.flops.value - near.flops.value == 18 * 1000 * each


def test_distinct_experts_with_their_exact_band():
    asked = demand(DEEPSEEK, phase="decode", batch=32, context=64).distinct
    assert asked.figure.value == pytest.approx(evenly_touched(256, 8, 32))
    spread = 1.2815515655446004 * even_variance(256, 8, 32) ** 0.5
    assert asked.figure.high - asked.figure.value == pytest.approx(spread)
    assert (asked.experts, asked.rank) == (256, asked.figure.value)
    one = demand(DEEPSEEK, phase="decode", batch=1, context=64).distinct.figure
    assert (one.low, one.value, one.high) == (8, 8, 8)
    assert demand(preset("dense-twin")).distinct is None


def test_the_fullest_device_touches_its_share_and_more_by_chance():
    asked = demand(DEEPSEEK, phase="decode", batch=64, context=64, ep=8, tp=8).distinct
    assert asked.figure.value / 8 < asked.rank < 32


def test_measured_rates_decide_which_device_is_fullest():
    bank = moe([glu(8, 4)], router(1))
    design = Design.model_validate(
        {"width": 8, "task": language(64), "stacks": decoder(repeat(1, layer(attention(2), bank)))}
    )
    even, skewed = (
        demand(design, {"decoder.0.1": rates}, phase="decode", batch=8, ep=2, tp=2).distinct
        for rates in ((0.25,) * 4, (0.5, 0.5, 0, 0))
    )
    assert skewed.figure.value < even.figure.value
    assert skewed.rank == pytest.approx(skewed.figure.value)
    assert even.rank > even.figure.value / 2


def test_tokens_that_choose_alike_touch_fewer():
    values = [
        demand(DEEPSEEK, phase="decode", batch=64, context=64, correlation=c).distinct.figure.value
        for c in (0.3, 0.7, 1.0, None)
    ]
    assert values[0] < values[1] < values[2] == values[3]
    assert values[1] == pytest.approx(evenly_touched(256, 8, 64**0.7))


def test_a_sweep_says_what_each_estimate_says():
    names = ("h100-sxm", "m2ultra")
    found = sweep(MIXTRAL, [registry.device(n) for n in names], ("bf16", "int4"), (1, 16), context=512)
    for one in found:
        alone = estimate(
            MIXTRAL, one.target, weights=one.load.weights.name, batch=one.load.batch, context=512
        )
        assert (one.step, one.needs, one.lacks, one.bound) == (
            alone.step,
            alone.needs,
            alone.lacks,
            alone.bound,
        )
