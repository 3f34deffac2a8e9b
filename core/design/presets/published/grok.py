"""xAI's Grok."""

from __future__ import annotations

from core.design.presets.pieces import JSON, attention, glu, language, model, moe, repeat, router


def grok_1() -> JSON:
    """Grok-1: eight wide experts, norms before and after every part, capped attention scores."""
    mixer = attention(48, 8, head_width=128, softcap=30.0)
    bank = moe([glu(32768, 8, activation="gelu")], router(2, weigh="raw"))
    sandwich = {"pre": True, "post": True}
    layers = repeat(64, {"parts": [{"body": mixer, "norm": sandwich}, {"body": bank, "norm": sandwich}]})
    embedding = {"tied": True, "scale": 6144**0.5, "logit_scale": 3**-0.5}
    return model("Grok-1", 6144, language(8192, 131072), layers, epsilon=1e-5, embedding=embedding)
