"""Meituan's LongCat."""

from __future__ import annotations

from core.design.presets.pieces import JSON, dense, glu, language, latent, model, moe, repeat, router


def longcat_flash() -> JSON:
    """LongCat-Flash (arXiv 2509.01322): two blocks a layer, experts on a shortcut, a third of them empty."""
    mixer, ffn = {"body": latent(64)}, {"body": dense(glu(12288))}
    experts = [glu(2048, 512), {"kind": "identity", "count": 256}]
    bank = moe(experts, router(12, weigh="raw", scale=6.0), balance=[{"kind": "bias_update"}])
    shortcut = {"body": bank, "reads": 1, "joins": "layer_end", "norm": {"pre": False}}
    layers = repeat(28, {"parts": [mixer, ffn, shortcut, mixer, ffn]})
    return model("LongCat-Flash", 6144, language(131072, 131072), layers, epsilon=1e-5)
