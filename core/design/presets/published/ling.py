"""Ant's Ling."""

from __future__ import annotations

from core.design.presets.pieces import (
    JSON,
    attention,
    dense,
    glu,
    language,
    layer,
    model,
    repeat,
    sigmoid_bank,
)


def ling_1t() -> JSON:
    """Ling-1T (arXiv 2510.22115): a trillion parameters, four dense layers first, islands of experts."""
    mixer = attention(64, 8, head_width=128, qk_norm="head", rope={"theta": 600000.0, "fraction": 0.5})
    bank = sigmoid_bank([glu(2048, 256)], 8, 2.5, shared=[glu(2048)], islands=8)
    bank["router"]["select"] = {"kind": "group_top_k", "k": 8, "top_islands": 4, "island_score": "top2_sum"}
    layers = (repeat(4, layer(mixer, dense(glu(18432)))), repeat(76, layer(mixer, bank)))
    return model("Ling-1T", 8192, language(32768, 157184), *layers)
