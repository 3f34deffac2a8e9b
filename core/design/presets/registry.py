"""Presets by name, one line each; the text starter comes first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, Literal

from core.design.plan import Plan
from core.design.presets import starters
from core.design.presets.published import (
    arctic,
    dbrx,
    deepseek,
    ernie,
    glm,
    gpt_oss,
    granite,
    grok,
    hunyuan,
    jamba,
    kimi,
    ling,
    llama,
    longcat,
    mimo,
    minimax,
    mixtral,
    nemotron,
    nllb,
    olmoe,
    qwen,
    switch,
)
from core.design.spec import Design


@dataclass(frozen=True)
class Preset:
    """A design to start from, the plan values that suit it, and where it comes from."""

    name: str
    kind: Literal["starter", "published"]
    write: Callable[[], dict[str, Any]]
    plan: dict[str, Any]
    source: str = ""

    @property
    def title(self) -> str:
        """One line on what it is."""
        return (self.write.__doc__ or "").split("\n")[0].strip()


_TEXT = {"data": "text", "steps": 800, "batch": 16, "optimizer": {"rate": 6e-3}}
_DIGITS = {"data": "digits", "steps": 600, "batch": 64, "optimizer": {"rate": 2e-3}}
_TABLE = {"data": "table:wine", "steps": 400, "batch": 32, "optimizer": {"rate": 3e-3}}


def _published(name: str, write: Callable[[], dict[str, Any]], source: str) -> Preset:
    return Preset(name, "published", write, {}, source)


PRESETS: tuple[Preset, ...] = (
    Preset("starter", "starter", starters.starter, _TEXT),
    Preset("fine-grained", "starter", starters.fine_grained, _TEXT, "arXiv 2401.06066"),
    Preset("dense-twin", "starter", starters.dense_twin, _TEXT),
    Preset("digits-vit", "starter", starters.vision, _DIGITS),
    Preset("tabular", "starter", starters.tabular, _TABLE),
    Preset("blank", "starter", starters.blank, {}),
    _published("mixtral-8x7b", mixtral.mixtral_8x7b, "arXiv 2401.04088"),
    _published("deepseek-v3", deepseek.deepseek_v3, "arXiv 2412.19437"),
    _published(
        "qwen3-next-80b-a3b", qwen.qwen3_next_80b_a3b, "huggingface.co/Qwen/Qwen3-Next-80B-A3B-Instruct"
    ),
    _published("gpt-oss-120b", gpt_oss.gpt_oss_120b, "arXiv 2508.10925"),
    _published("llama-4-scout", llama.llama_4_scout, "huggingface.co/meta-llama/Llama-4-Scout-17B-16E"),
    _published("jamba-v0.1", jamba.jamba_v0_1, "arXiv 2403.19887"),
    _published("longcat-flash", longcat.longcat_flash, "arXiv 2509.01322"),
    _published("switch-base-8", switch.switch_base_8, "arXiv 2101.03961"),
    _published("qwen3-30b-a3b", qwen.qwen3_30b_a3b, "arXiv 2505.09388"),
    _published(
        "qwen3-coder-480b-a35b",
        qwen.qwen3_coder_480b_a35b,
        "huggingface.co/Qwen/Qwen3-Coder-480B-A35B-Instruct",
    ),
    _published("qwen3.5-35b-a3b", qwen.qwen3_5_35b_a3b, "huggingface.co/Qwen/Qwen3.5-35B-A3B"),
    _published("qwen3.5-397b-a17b", qwen.qwen3_5_397b_a17b, "huggingface.co/Qwen/Qwen3.5-397B-A17B"),
    _published("qwen1.5-moe-a2.7b", qwen.qwen1_5_moe_a2_7b, "huggingface.co/Qwen/Qwen1.5-MoE-A2.7B"),
    _published("deepseek-v2-lite", deepseek.deepseek_v2_lite, "arXiv 2405.04434"),
    _published("deepseek-moe-16b", deepseek.deepseek_moe_16b, "arXiv 2401.06066"),
    _published("glm-4.5", glm.glm_4_5, "arXiv 2508.06471"),
    _published("glm-5", glm.glm_5, "huggingface.co/zai-org/GLM-5"),
    _published("kimi-linear-48b-a3b", kimi.kimi_linear_48b_a3b, "arXiv 2510.26692"),
    _published("ling-1t", ling.ling_1t, "arXiv 2510.22115"),
    _published("mimo-v2-flash", mimo.mimo_v2_flash, "huggingface.co/XiaomiMiMo/MiMo-V2-Flash"),
    _published(
        "nemotron-3-nano",
        nemotron.nemotron_3_nano,
        "huggingface.co/nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16",
    ),
    _published("olmoe-1b-7b", olmoe.olmoe_1b_7b, "arXiv 2409.02060"),
    _published("dbrx", dbrx.dbrx, "huggingface.co/databricks/dbrx-base"),
    _published("minimax-text-01", minimax.minimax_text_01, "arXiv 2501.08313"),
    _published("hunyuan-a13b", hunyuan.hunyuan_a13b, "huggingface.co/tencent/Hunyuan-A13B-Instruct"),
    _published("ernie-4.5-21b-a3b", ernie.ernie_4_5_21b_a3b, "huggingface.co/baidu/ERNIE-4.5-21B-A3B-PT"),
    _published(
        "granite-3.0-1b-a400m",
        granite.granite_3_1b_a400m,
        "huggingface.co/ibm-granite/granite-3.0-1b-a400m-base",
    ),
    _published("arctic-480b", arctic.arctic_480b, "huggingface.co/Snowflake/snowflake-arctic-base"),
    _published("grok-1", grok.grok_1, "github.com/xai-org/grok-1"),
    _published("nllb-moe-54b", nllb.nllb_moe_54b, "arXiv 2207.04672"),
    _published("switch-base-16", switch.switch_base_16, "arXiv 2101.03961"),
    _published("switch-base-32", switch.switch_base_32, "arXiv 2101.03961"),
    _published("switch-base-128", switch.switch_base_128, "arXiv 2101.03961"),
    _published("switch-base-256", switch.switch_base_256, "arXiv 2101.03961"),
)


class UnknownPresetError(ValueError):
    """No preset has this name."""


def names() -> tuple[str, ...]:
    """All names, the text starter first."""
    return tuple(preset.name for preset in PRESETS)


def describe(name: str) -> Preset:
    """The preset itself. Raises UnknownPresetError with the nearest name."""
    for preset in PRESETS:
        if preset.name == name:
            return preset
    near = get_close_matches(name, names(), n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise UnknownPresetError(
        f"No preset is named {name!r}.{hint} To fix this, pick one of: {', '.join(names())}."
    )


@cache
def preset(name: str) -> Design:
    """The design of a preset."""
    return Design.model_validate(describe(name).write())


@cache
def _names_by_sha() -> dict[str, str]:
    return {preset(name).sha: name for name in reversed(names())}


def named(sha: str) -> str | None:
    """The preset that a design with this sha is; None for every other design."""
    return _names_by_sha().get(sha)


def plan_for(name: str) -> Plan:
    """The plan that suits a preset; the general one where none is set."""
    return Plan.model_validate(describe(name).plan)
