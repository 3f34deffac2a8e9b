"""Mistral's mixtures."""

from __future__ import annotations

from core.design.presets.pieces import JSON, attention, even, glu, language, layer, model, moe, repeat, router


def mixtral_8x7b() -> JSON:
    """Mixtral 8x7B (arXiv 2401.04088): eight experts in every layer, two a token."""
    bank = moe([glu(14336, 8)], router(2), balance=even(0.02))
    mixer = attention(32, 8, head_width=128, rope={"theta": 1e6})
    return model("Mixtral 8x7B", 4096, language(32768, 32000), repeat(32, layer(mixer, bank)), epsilon=1e-5)
