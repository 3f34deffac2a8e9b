"""GLM of Z.ai."""

from __future__ import annotations

from core.design.presets.pieces import (
    JSON,
    attention,
    dense,
    glu,
    language,
    latent,
    layer,
    model,
    repeat,
    sigmoid_bank,
)


def glm_4_5() -> JSON:
    """GLM-4.5 (arXiv 2508.06471): deep and narrow, 96 heads, three dense layers first."""
    biases = {"query_bias": True, "key_bias": True, "value_bias": True}
    mixer = attention(96, 8, head_width=128, rope={"fraction": 0.5}, qk_norm="head", **biases)
    bank = sigmoid_bank([glu(1536, 160)], 8, shared=[glu(1536)])
    layers = (repeat(3, layer(mixer, dense(glu(12288)))), repeat(89, layer(mixer, bank)))
    return model("GLM-4.5", 5120, language(131072, 151552, extra_heads=1), *layers, epsilon=1e-5)


def glm_5() -> JSON:
    """GLM-5: latent attention whose indexer picks the keys a query reads."""
    mixer = latent(64, q_rank=2048, nope=192, value=256, indexer={})
    bank = sigmoid_bank([glu(2048, 256)], 8, 2.5, shared=[glu(2048)])
    layers = (repeat(3, layer(mixer, dense(glu(12288)))), repeat(75, layer(mixer, bank)))
    return model("GLM-5", 6144, language(202752, 154880, extra_heads=1), *layers, epsilon=1e-5)
