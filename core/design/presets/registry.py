"""Presets by name, one line each; the text starter comes first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, Literal

from core.design.plan import Plan
from core.design.presets import published, starters
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

PRESETS: tuple[Preset, ...] = (
    Preset("starter", "starter", starters.starter, _TEXT),
    Preset("fine-grained", "starter", starters.fine_grained, _TEXT, "arXiv 2401.06066"),
    Preset("dense-twin", "starter", starters.dense_twin, _TEXT),
    Preset("digits-vit", "starter", starters.vision, _DIGITS),
    Preset("tabular", "starter", starters.tabular, _TABLE),
    Preset("mixtral-8x7b", "published", published.mixtral_8x7b, {}, "arXiv 2401.04088"),
    Preset("deepseek-v3", "published", published.deepseek_v3, {}, "arXiv 2412.19437"),
    Preset("qwen3-next-80b-a3b", "published", published.qwen3_next_80b_a3b, {}, "Qwen3-Next model card"),
    Preset("gpt-oss-120b", "published", published.gpt_oss_120b, {}, "arXiv 2508.10925"),
    Preset("llama-4-scout", "published", published.llama_4_scout, {}, "Llama 4 model card"),
    Preset("jamba-v0.1", "published", published.jamba_v0_1, {}, "arXiv 2403.19887"),
    Preset("longcat-flash", "published", published.longcat_flash, {}, "arXiv 2509.01322"),
    Preset("switch-base-8", "published", published.switch_base_8, {}, "arXiv 2101.03961"),
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


def plan_for(name: str) -> Plan:
    """The plan that suits a preset; the general one where none is set."""
    return Plan.model_validate(describe(name).plan)
