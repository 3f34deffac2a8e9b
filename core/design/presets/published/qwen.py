"""Qwen: from upcycled experts to one gated attention layer in four."""

from __future__ import annotations

from core.design.presets.pieces import JSON, attention, even, glu, language, layer, model, moe, repeat, router


def qwen1_5_moe_a2_7b() -> JSON:
    """Qwen1.5-MoE A2.7B: 60 experts and one wide shared expert behind a gate."""
    mixer = attention(16, head_width=128, query_bias=True, key_bias=True, value_bias=True)
    route = router(4, weigh="raw")
    bank = moe([glu(1408, 60)], route, shared=[glu(5632)], shared_gate=True, balance=even(0.001))
    return model("Qwen1.5-MoE A2.7B", 2048, language(32768, 151936), repeat(24, layer(mixer, bank)))


def qwen3_30b_a3b() -> JSON:
    """Qwen3 30B-A3B (arXiv 2505.09388): 128 experts, none shared, queries and keys normed."""
    mixer = attention(32, 4, head_width=128, qk_norm="head")
    bank = moe([glu(768, 128)], router(8), balance=even(0.001))
    return model("Qwen3 30B-A3B", 2048, language(40960, 151936), repeat(48, layer(mixer, bank)))


def qwen3_coder_480b_a35b() -> JSON:
    """Qwen3-Coder 480B-A35B: 160 experts, eight a token."""
    mixer = attention(96, 8, head_width=128, qk_norm="head")
    bank = moe([glu(2560, 160)], router(8))
    return model("Qwen3-Coder 480B-A35B", 6144, language(262144, 151936), repeat(62, layer(mixer, bank)))


def qwen3_next_80b_a3b() -> JSON:
    """Qwen3-Next 80B-A3B: three gated delta layers for each gated attention layer."""
    full = attention(16, 2, head_width=256, gate=True, qk_norm="head", rope={"theta": 1e7, "fraction": 0.25})
    pattern = _three_in_four(_delta(32), full, _bank(512, 512, 10))
    return model("Qwen3-Next 80B-A3B", 2048, language(262144, 151936), repeat(12, *pattern))


def qwen3_5_35b_a3b() -> JSON:
    """Qwen3.5 35B-A3B: the hybrid of Qwen3-Next with 256 experts; the vision part is left out."""
    full = attention(16, 2, head_width=256, gate=True, qk_norm="head", rope={"fraction": 0.25})
    pattern = _three_in_four(_delta(32), full, _bank(512, 256, 8))
    return model("Qwen3.5 35B-A3B", 2048, language(262144, 248320, extra_heads=1), repeat(10, *pattern))


def qwen3_5_397b_a17b() -> JSON:
    """Qwen3.5 397B-A17B: 512 experts, ten a token; the vision part is left out."""
    full = attention(32, 2, head_width=256, gate=True, qk_norm="head", rope={"fraction": 0.25})
    pattern = _three_in_four(_delta(64), full, _bank(1024, 512, 10))
    return model("Qwen3.5 397B-A17B", 4096, language(262144, 248320, extra_heads=1), repeat(15, *pattern))


def _delta(value_heads: int) -> JSON:
    widths = {"key_width": 128, "value_width": 128}
    return {"kind": "gated_delta", "key_heads": 16, "value_heads": value_heads, **widths}


def _bank(hidden: int, experts: int, k: int) -> JSON:
    shared = [glu(hidden)]
    return moe([glu(hidden, experts)], router(k), shared=shared, shared_gate=True, balance=even(0.001))


def _three_in_four(linear: JSON, full: JSON, bank: JSON) -> list[JSON]:
    return [layer(mixer, bank) for mixer in (linear, linear, linear, full)]
