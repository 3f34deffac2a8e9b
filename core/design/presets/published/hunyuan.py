"""Tencent's Hunyuan."""

from __future__ import annotations

from core.design.presets.pieces import JSON, attention, glu, language, layer, model, moe, repeat, router


def hunyuan_a13b() -> JSON:
    """Hunyuan-A13B: 64 experts and one shared, eight a token, tied embedding."""
    mixer = attention(32, 8, head_width=128, qk_norm="head")
    bank = moe([glu(3072, 64)], router(8), shared=[glu(3072)])
    task, tied = language(2048, 128167), {"tied": True}
    return model("Hunyuan-A13B", 4096, task, repeat(32, layer(mixer, bank)), epsilon=1e-5, embedding=tied)
