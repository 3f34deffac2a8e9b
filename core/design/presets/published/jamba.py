"""AI21's hybrid."""

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


def jamba_v0_1() -> JSON:
    """Jamba v0.1 (arXiv 2403.19887): one attention layer in eight, experts in every second layer."""
    state = {"kind": "mamba", "state": 16, "conv": 4, "expand": 2, "dt_rank": 256, "inner_norms": True}
    mixers = [attention(32, 8, head_width=128, rope=None) if i == 4 else state for i in range(8)]
    bank = moe([glu(14336, 16)], router(2, weigh="raw"), balance=even(0.001))
    pattern = [layer(mixer, bank if i % 2 else dense(glu(14336))) for i, mixer in enumerate(mixers)]
    return model("Jamba v0.1", 4096, language(262144, 65536), repeat(4, *pattern))
