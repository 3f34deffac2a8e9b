"""Databricks' DBRX."""

from __future__ import annotations

from core.design.presets.pieces import JSON, attention, even, glu, language, layer, model, moe, repeat, router


def dbrx() -> JSON:
    """DBRX 132B: 16 experts, four a token, layer norms without bias."""
    mixer = attention(48, 8, head_width=128, rope={"theta": 500000.0})
    bank = moe([glu(10752, 16)], router(4), balance=even(0.01))
    norm = {"kind": "layer", "epsilon": 1e-5}
    return model("DBRX", 6144, language(32768, 100352), repeat(40, layer(mixer, bank)), norm=norm)
