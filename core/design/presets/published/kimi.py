"""Moonshot's Kimi."""

from __future__ import annotations

from core.design.presets.pieces import JSON, dense, glu, language, latent, layer, model, repeat, sigmoid_bank


def kimi_linear_48b_a3b() -> JSON:
    """Kimi Linear 48B-A3B (arXiv 2510.26692): three delta attention layers for each latent one."""
    linear = {"kind": "kda", "heads": 32, "head_width": 128}
    full = latent(32, q_rank=None)
    bank = sigmoid_bank([glu(1024, 256)], 8, 2.446, shared=[glu(1024)])
    pattern = [layer(mixer, bank) for mixer in (linear, linear, linear, full)]
    layers = (
        repeat(1, layer(linear, dense(glu(9216)))),
        repeat(6, *pattern),
        repeat(2, layer(linear, bank)),
    )
    return model("Kimi Linear 48B-A3B", 2304, language(1048576, 163840), *layers, epsilon=1e-5)
