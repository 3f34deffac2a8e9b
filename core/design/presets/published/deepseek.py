"""DeepSeek: fine-grained and shared experts, latent attention, balance without a loss."""

from __future__ import annotations

from core.design.presets.pieces import (
    JSON,
    attention,
    dense,
    even,
    glu,
    language,
    latent,
    layer,
    model,
    moe,
    repeat,
    router,
    sigmoid_bank,
)


def deepseek_moe_16b() -> JSON:
    """DeepSeekMoE 16B (arXiv 2401.06066): 64 fine experts and two shared ones, first layer dense."""
    mixer = attention(16, head_width=128)
    bank = moe([glu(1408, 64)], router(6, weigh="raw"), shared=[glu(1408, 2)], balance=even(0.001))
    layers = (repeat(1, layer(mixer, dense(glu(10944)))), repeat(27, layer(mixer, bank)))
    return model("DeepSeekMoE 16B", 2048, language(4096, 102400), *layers)


def deepseek_v2_lite() -> JSON:
    """DeepSeek-V2-Lite (arXiv 2405.04434): latent attention without query compression, two shared experts."""
    mixer = latent(16, q_rank=None)
    bank = moe([glu(1408, 64)], router(6, weigh="raw"), shared=[glu(2816)])
    layers = (repeat(1, layer(mixer, dense(glu(10944)))), repeat(26, layer(mixer, bank)))
    return model("DeepSeek-V2-Lite", 2048, language(2048, 102400), *layers)


def deepseek_v3() -> JSON:
    """DeepSeek-V3 (arXiv 2412.19437): islands, balance without a loss; the extra head is counted apart."""
    mixer = latent(128)
    bank = sigmoid_bank([glu(2048, 256)], 8, 2.5, shared=[glu(2048)], islands=8)
    bank["router"]["select"] = {"kind": "group_top_k", "k": 8, "top_islands": 4, "island_score": "top2_sum"}
    layers = (repeat(3, layer(mixer, dense(glu(18432)))), repeat(58, layer(mixer, bank)))
    return model("DeepSeek-V3", 7168, language(163840, 129280, extra_heads=1), *layers)
