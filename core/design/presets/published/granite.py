"""IBM's Granite."""

from __future__ import annotations

from core.design.presets.pieces import JSON, attention, even, glu, language, layer, model, moe, repeat, router


def granite_3_1b_a400m() -> JSON:
    """Granite 3.0 1B-A400M: 32 small experts, eight a token, made for a laptop."""
    mixer = attention(16, 8, head_width=64, scale=1.0)
    bank = moe([glu(512, 32)], router(8), balance=even(0.001))
    task, tied = language(2048, 49155), {"tied": True}
    return model("Granite 3.0 1B-A400M", 1024, task, repeat(24, layer(mixer, bank)), embedding=tied)
