"""The families, one line each. Order matters only where keys alone must tell two of them apart."""

from __future__ import annotations

from core.design.huggingface.families import (
    dbrx,
    deepseek,
    deepseek_moe,
    ernie,
    gemma4,
    glm4,
    gpt_oss,
    granite,
    hunyuan,
    jamba,
    jetmoe,
    kimi_linear,
    lfm2,
    llama4,
    longcat,
    mimo,
    minimax,
    mixtral,
    nemotron_h,
    olmoe,
    phimoe,
    qwen_moe,
    qwen_next,
    switch,
)
from core.design.huggingface.family import Family

FAMILIES: tuple[Family, ...] = (
    mixtral.FAMILY,
    qwen_moe.QWEN2,
    qwen_moe.QWEN3,
    qwen_moe.QWEN3_VL,
    qwen_moe.QWEN3_OMNI,
    qwen_next.NEXT,
    qwen_next.QWEN35,
    deepseek_moe.FAMILY,
    deepseek.V2,
    deepseek.V3,
    deepseek.V32,
    deepseek.GLM5,
    deepseek.GLM47,
    glm4.GLM4,
    glm4.GLM4V,
    glm4.DOTS,
    olmoe.FAMILY,
    gpt_oss.FAMILY,
    llama4.FAMILY,
    phimoe.FAMILY,
    dbrx.FAMILY,
    jamba.FAMILY,
    minimax.MINIMAX,
    minimax.M2,
    granite.FAMILY,
    ernie.FAMILY,
    hunyuan.FAMILY,
    hunyuan.HY3,
    nemotron_h.FAMILY,
    switch.FAMILY,
    gemma4.FAMILY,
    jetmoe.FAMILY,
    lfm2.FAMILY,
    kimi_linear.FAMILY,
    longcat.FAMILY,
    mimo.FAMILY,
)

#: Families that are known and refused, by the start of a type or class without signs, and what is lacking.
REFUSED: dict[str, str] = {
    "ernie45vl": "ERNIE-4.5-VL has two banks of experts in each layer, one for text and one for pictures",
    "deepseekv4": "DeepSeek-V4 needs compressed attention, hashed routing and several residual streams",
}

#: Families whose config.json is not read, by the start of a type or class, and the preset that draws them.
PRESET_ONLY: dict[str, str] = {
    "arctic": "arctic-480b",
    "bailing": "ling-1t",
    "grok": "grok-1",
    "nllbmoe": "nllb-moe-54b",
}
