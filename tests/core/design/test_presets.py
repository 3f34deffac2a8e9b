"""The vocabulary holds what the world has published: totals to the unit."""

from __future__ import annotations

import pytest

from core.design.presets.registry import UnknownPresetError, describe, names, plan_for, preset
from core.design.rules import check, errors
from core.design.spec import Design

#: Total and routed parameters of the released models, without multi-token heads and buffers.
TOTALS = {
    "mixtral-8x7b": (46_702_792_704, 45_097_156_608),
    "deepseek-v3": (671_026_404_352, 653_908_770_816),
    "qwen3-next-80b-a3b": (79_674_391_296, 77_309_411_328),
    "gpt-oss-120b": (116_829_156_672, 114_701_598_720),
    "llama-4-scout": (107_769_861_120, 96_636_764_160),
    "jamba-v0.1": (51_570_323_328, 45_097_156_608),
    "longcat-flash": (560_664_958_976, 541_165_879_296),
    "switch-base-8": (619_339_008, 452_984_832),
}


def total(design: Design, role: str | None = None) -> int:
    return sum(p.times * p.weight.size for p in design.weights() if role in (None, p.weight.role))


@pytest.mark.parametrize("name", TOTALS)
def test_published_totals_match_to_the_unit(name: str) -> None:
    assert (total(preset(name)), total(preset(name), "expert")) == TOTALS[name]


@pytest.mark.parametrize("name", names())
def test_every_preset_is_free_of_errors_at_design_and_cost(name: str) -> None:
    assert errors(check(preset(name), stage="design")) == ()
    assert errors(check(preset(name), stage="cost")) == ()


@pytest.mark.parametrize("name", [n for n in names() if describe(n).kind == "starter"])
def test_starters_can_be_trained_as_they_are(name: str) -> None:
    assert errors(check(preset(name), plan_for(name), stage="train")) == ()


def test_the_text_starter_comes_first() -> None:
    assert names()[0] == "starter"
    assert plan_for("starter").data == "text"


def test_the_siblings_have_the_starters_active_width() -> None:
    def active(name: str) -> float:
        body = next(p.part.body for p in preset(name).parts() if p.part.body.kind in ("moe", "dense"))
        if body.kind == "dense":
            return float(body.expert.inner)  # type: ignore[attr-defined]
        shared = sum(group.count * group.inner for group in body.shared)  # type: ignore[attr-defined]
        return float(body.per_token * body.experts[0].inner + shared)  # type: ignore[attr-defined]

    assert active("fine-grained") == active("starter") == active("dense-twin")


def test_an_unknown_preset_names_its_neighbour() -> None:
    with pytest.raises(UnknownPresetError, match="Did you mean 'starter'"):
        preset("startr")
