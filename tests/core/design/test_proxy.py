"""Shrink to train here: every published design, any design, always the same, and true to its ratios."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from core.design.bodies.moe import Moe
from core.design.edits import apply
from core.design.presets.methods import METHODS, method_edit
from core.design.presets.registry import names, preset
from core.design.problems import Problem
from core.design.proxy.shrink import MOST_PARAMETERS, Proxy, shrink
from core.design.rules import check, errors
from core.design.spec import Design
from tests.strategies import any_designs, designs

WITH_LAYERS = [name for name in names() if preset(name).depth]


def proxy_of(name: str) -> Proxy:
    result = shrink(preset(name))
    assert isinstance(result, Proxy), result
    return result


def bank_of(design: Design) -> Moe:
    banks = [p.part.body for p in design.parts() if isinstance(p.part.body, Moe)]
    return max(banks, key=lambda bank: bank.count)


def size(design: Design) -> int:
    return sum(p.times * p.weight.size for p in design.weights())


@pytest.mark.parametrize("name", WITH_LAYERS)
def test_every_preset_has_a_proxy_that_trains_and_is_small(name: str) -> None:
    proxy = proxy_of(name).design
    assert errors(check(proxy, stage="train")) == ()
    assert size(proxy) <= MOST_PARAMETERS
    assert 2 <= proxy.depth <= 8
    assert proxy.width <= 64


@pytest.mark.parametrize("name", [n for n in WITH_LAYERS if n not in ("dense-twin", "digits-vit", "tabular")])
def test_ratios_of_experts_top_k_shared_and_granularity_are_kept(name: str) -> None:
    old, new = preset(name), proxy_of(name).design
    before, after = bank_of(old), bank_of(new)
    if before.per_token > 1 or before.count <= 64:
        assert after.count / after.per_token == pytest.approx(before.count / before.per_token, rel=0.01)
    widths = [group.inner / old.width for group in before.experts]
    assert [group.inner / new.width for group in after.experts] == pytest.approx(widths, abs=1.01 / new.width)
    assert sum(g.count for g in after.shared) == sum(g.count for g in before.shared)
    router = (before.router.score_function, before.router.weigh, [b.kind for b in before.balance])
    assert router == (after.router.score_function, after.router.weigh, [b.kind for b in after.balance])


def test_the_order_of_layers_is_kept() -> None:
    def kinds(name: str) -> str:
        layers: dict[int, str] = {}
        for o in proxy_of(name).design.occurrences():
            layers[o.layer] = layers.get(o.layer, "") + o.body.kind[0]
        return " ".join(layers.values())

    assert kinds("deepseek-v3") == "ad am am am"
    assert kinds("jamba-v0.1") == "ad am ad am"
    assert kinds("switch-base-8") == "ad am ad am"
    assert kinds("longcat-flash") == "admad admad admad"
    assert kinds("nllb-moe-54b") == "ad ad ad am"


def test_what_changed_is_said_in_words() -> None:
    assert proxy_of("deepseek-v3").notes == (
        "Kept: 32 experts for each one used; experts 0.28 of the model wide; shared width 1 of an expert;"
        " sigmoid scores, renormalised weights; bias update.",
        "Changed: 61 layers to 4; width 7168 to 64; 8 of 256 experts a token to 2 of 64;"
        " the vocabulary to bytes, the context to 64 tokens.",
        "Not trained yet: the part 'mla' (use attention in 2 places).",
    )
    switch = proxy_of("switch-base-256")
    assert not any("for each one used" in phrase for phrase in switch.kept)
    assert switch.replaced[0] == "a second stack (the encoder is left out)"


def test_equal_designs_give_equal_proxies_and_a_proxy_is_its_own() -> None:
    once = proxy_of("qwen3-30b-a3b").design
    assert proxy_of("qwen3-30b-a3b").design == once
    again = shrink(once)
    assert isinstance(again, Proxy)
    assert again.design.sha == once.sha


def test_a_design_without_layers_has_none() -> None:
    result = shrink(preset("blank"))
    assert isinstance(result, Problem)


@pytest.mark.parametrize("name", [entry.name for entry in METHODS])
@pytest.mark.parametrize("base", ["starter", "digits-vit"])
def test_every_method_has_a_proxy(base: str, name: str) -> None:
    design = preset(base)
    pointer = next(p.pointer for p in design.parts() if isinstance(p.part.body, Moe))
    written = apply(design, method_edit(design, pointer, name))
    assert isinstance(written, Design)
    proxy = shrink(written)
    assert isinstance(proxy, Proxy), proxy
    assert errors(check(proxy.design, stage="train")) == ()


def trains_or_says_why(design: Design) -> None:
    result = shrink(design)
    if isinstance(result, Problem):
        assert result.message
    else:
        assert errors(check(result.design, stage="train")) == ()
        assert result.notes


@given(design=designs())
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_designs_that_users_draw_shrink(design: Design) -> None:
    trains_or_says_why(design)


@given(design=any_designs())
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_any_design_shrinks_or_says_why_not(design: Design) -> None:
    trains_or_says_why(design)
