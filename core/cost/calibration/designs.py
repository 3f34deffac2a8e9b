"""Designs that published timings used and that are no presets."""

from __future__ import annotations

from functools import cache

from core.design.presets.pieces import (
    JSON,
    attention,
    dense,
    glu,
    language,
    latent,
    layer,
    model,
    moe,
    repeat,
    router,
)
from core.design.presets.registry import preset
from core.design.spec import Design


def deepseek_v2_4_layers() -> JSON:
    """DeepSeek-V2 (arXiv 2405.04434) cut to 4 layers, the first dense, as SimuMax measured it."""
    mixer = latent(128)
    bank = moe([glu(1536, 160)], router(6, weigh="raw"), shared=[glu(3072)])
    layers = (repeat(1, layer(mixer, dense(glu(12288)))), repeat(3, layer(mixer, bank)))
    return model("DeepSeek-V2, 4 layers", 5120, language(4096, 102400), *layers)


def grug() -> JSON:
    """Width 5120, 48 layers, 8 of 256 experts; expert width, heads and vocabulary are not published."""
    bank = moe([glu(2048, 256)], router(8))
    layers = repeat(48, layer(attention(40, 8, head_width=128), bank))
    return model("grug", 5120, language(8192, 128256), layers)


_DESIGNS = {"deepseek-v2-4-layers": deepseek_v2_4_layers, "grug": grug}


@cache
def design(name: str) -> Design:
    """A design by its name in the points, else a preset."""
    return Design.model_validate(_DESIGNS[name]()) if name in _DESIGNS else preset(name)
