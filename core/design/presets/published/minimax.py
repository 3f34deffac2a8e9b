"""MiniMax."""

from __future__ import annotations

from core.design.presets.pieces import JSON, attention, even, glu, language, layer, model, moe, repeat, router


def minimax_text_01() -> JSON:
    """MiniMax-Text-01 (arXiv 2501.08313): seven lightning attention layers for each softmax layer."""
    linear = {"kind": "lightning", "heads": 64, "head_width": 128}
    full = attention(64, 8, head_width=128, rope={"theta": 1e6})
    bank = moe([glu(9216, 32)], router(2), balance=even(0.001))
    pattern = [layer(linear, bank)] * 7 + [layer(full, bank)]
    return model("MiniMax-Text-01", 6144, language(131072, 200064), repeat(10, *pattern), epsilon=1e-5)
