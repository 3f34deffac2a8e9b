"""Snowflake's dense-MoE hybrid."""

from __future__ import annotations

from core.design.presets.pieces import JSON, attention, dense, glu, language, model, moe, repeat, router


def arctic_480b() -> JSON:
    """Snowflake Arctic 480B: a dense transformer, and beside each layer 128 experts that read its input."""
    mixer = attention(56, 8, head_width=128)
    bank = moe([glu(4864, 128)], router(2), balance=[{"kind": "load_balance", "coefficient": 0.001}])
    beside = {"body": bank, "reads": "layer_input", "joins": "layer_end"}
    layers = repeat(35, {"parts": [{"body": mixer}, {"body": dense(glu(7168))}, beside]})
    return model("Arctic 480B", 7168, language(4096, 32000), layers, epsilon=1e-5)
