"""Xiaomi's MiMo."""

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


def mimo_v2_flash() -> JSON:
    """MiMo-V2-Flash: five layers of a short window with sinks for each that sees everything."""
    widths = {"head_width": 192, "value_width": 128}
    full = attention(64, 4, rope={"theta": 5e6, "fraction": 0.334}, **widths)
    near = attention(64, 8, rope={"fraction": 0.334}, window=129, sinks=True, **widths)
    bank = sigmoid_bank([glu(2048, 256)], 8)
    layers = (
        repeat(1, layer(full, dense(glu(16384)))),
        repeat(1, *[layer(near, bank)] * 4, layer(full, bank)),
        repeat(7, *[layer(near, bank)] * 5, layer(full, bank)),
    )
    return model("MiMo-V2-Flash", 4096, language(262144, 152576), *layers, epsilon=1e-5)
