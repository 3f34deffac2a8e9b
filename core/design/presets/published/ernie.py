"""Baidu's ERNIE."""

from __future__ import annotations

from core.design.presets.pieces import (
    JSON,
    attention,
    dense,
    even,
    glu,
    language,
    layer,
    model,
    moe,
    repeat,
    router,
)


def ernie_4_5_21b_a3b() -> JSON:
    """ERNIE 4.5 21B-A3B: softmax scores with a selection bias stored among the weights."""
    mixer = attention(20, 4, head_width=128, rope={"theta": 500000.0})
    balance = [{"kind": "bias_update", "step": 0.001, "counted": True}, *even(0.001)]
    bank = moe([glu(1536, 64)], router(6), shared=[glu(3072)], balance=balance)
    layers = (repeat(1, layer(mixer, dense(glu(12288)))), repeat(27, layer(mixer, bank)))
    task, tied = language(131072, 103424), {"tied": True}
    return model("ERNIE 4.5 21B-A3B", 2560, task, *layers, epsilon=1e-5, embedding=tied)
