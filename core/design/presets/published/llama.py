"""Meta's Llama 4."""

from __future__ import annotations

from core.design.presets.pieces import JSON, attention, glu, language, layer, model, moe, repeat, router


def llama_4_scout() -> JSON:
    """Llama 4 Scout 17B-16E: one expert weighed at its input, one shared, chunked and NoPE layers."""
    chunked = attention(40, 8, head_width=128, qk_norm="unit", chunk=8192, rope={"theta": 500000.0})
    full = attention(40, 8, head_width=128, rope=None)
    route = router(1, function="sigmoid", weigh="raw")
    route["combine"] = {"kind": "output_mix", "weigh_on": "input"}
    bank = moe([glu(8192, 16)], route, shared=[glu(8192)])
    pattern = [layer(mixer, bank) for mixer in (chunked, chunked, chunked, full)]
    return model("Llama 4 Scout", 5120, language(10485760, 202048), repeat(12, *pattern), epsilon=1e-5)
