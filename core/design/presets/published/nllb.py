"""Meta's translation mixture."""

from __future__ import annotations

from core.design.presets.pieces import JSON, attention, dense, even, language, layer, mlp, moe, repeat, router


def nllb_moe_54b() -> JSON:
    """NLLB-MoE 54B (arXiv 2207.04672): 128 experts in every fourth layer; sinusoidal positions left out."""
    biases = {"query_bias": True, "key_bias": True, "value_bias": True, "output_bias": True}
    itself = attention(16, head_width=128, rope=None, **biases)
    across = {**itself, "cross": True}
    ffn = mlp(8192, activation="relu", bias=True)
    plain = dense(ffn)
    bank = moe([{**ffn, "count": 128}], router(2, capacity={"train": 1.0, "eval": 1.0}), balance=even(0.01))
    once, twice = (itself,), (itself, across)
    encoder = {
        "name": "encoder",
        "causal": False,
        "layers": [repeat(6, *[layer(*once, plain)] * 3, layer(*once, bank))],
    }
    decode = {
        "name": "decoder",
        "reads": "encoder",
        "layers": [repeat(6, *[layer(*twice, plain)] * 3, layer(*twice, bank))],
    }
    return {
        "name": "NLLB-MoE 54B",
        "width": 2048,
        "task": language(1024, 256206),
        "embedding": {"tied": True, "scale": 2048**0.5},
        "norm": {"kind": "layer", "epsilon": 1e-5, "bias": True},
        "stacks": [encoder, decode],
    }
