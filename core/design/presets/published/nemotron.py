"""NVIDIA's Nemotron 3."""

from __future__ import annotations

from core.design.presets.pieces import JSON, attention, language, layer, mlp, model, repeat, sigmoid_bank


def nemotron_3_nano() -> JSON:
    """Nemotron 3 Nano 30B-A3B: Mamba-2, experts and attention as layers of their own."""
    shared = [mlp(3712, activation="relu2")]
    experts = layer(sigmoid_bank([mlp(1856, 128, activation="relu2")], 6, 2.5, shared=shared))
    state = layer({"kind": "mamba2", "heads": 64, "head_width": 64, "state": 128, "groups": 8})
    attend = layer(attention(32, 2, head_width=128, rope=None))
    layers = (
        repeat(5, state, experts, state, experts, state, attend, experts),
        repeat(3, state, experts),
        repeat(1, state, attend),
        repeat(4, experts, state),
        repeat(1, experts),
    )
    return model("Nemotron 3 Nano 30B-A3B", 2688, language(262144, 131072), *layers, epsilon=1e-5)
