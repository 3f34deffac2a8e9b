"""Ai2's open mixture."""

from __future__ import annotations

from core.design.presets.pieces import JSON, attention, even, glu, language, layer, model, moe, repeat, router


def olmoe_1b_7b() -> JSON:
    """OLMoE 1B-7B (arXiv 2409.02060): 64 experts with raw weights, nothing dropped."""
    mixer = attention(16, head_width=128, qk_norm="full")
    bank = moe([glu(1024, 64)], router(8, weigh="raw"), balance=even(0.01))
    return model("OLMoE 1B-7B", 2048, language(4096, 50304), repeat(16, layer(mixer, bank)), epsilon=1e-5)
