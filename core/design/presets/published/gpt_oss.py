"""OpenAI's open weights."""

from __future__ import annotations

from core.design.presets.pieces import JSON, attention, even, glu, language, layer, model, moe, repeat, router


def gpt_oss_120b() -> JSON:
    """gpt-oss-120b: sinks, biases everywhere, clamped gates, windows on every second layer."""
    biases = {"query_bias": True, "key_bias": True, "value_bias": True, "output_bias": True}
    mixer = attention(64, 8, head_width=64, sinks=True, rope={"theta": 150000.0}, **biases)
    route = {**router(4), "score": {"kind": "linear", "bias": True}}
    bank = moe([glu(2880, 128, bias=True, clamp=7.0)], route, balance=even(0.01))
    pattern = (layer({**mixer, "window": 128}, bank), layer(mixer, bank))
    return model("gpt-oss 120B", 2880, language(131072, 201088), repeat(18, *pattern), epsilon=1e-5)
