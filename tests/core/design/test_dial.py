"""The size dial: valid at every turn, larger where it is turned up, and the rules of shape it keeps."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.design.aim import aimed
from core.design.dial import Resize, even, spread, wide
from core.design.edits import apply
from core.design.places import general
from core.design.presets.registry import names, preset
from core.design.rules import check, errors
from core.design.spec import Design
from tests.strategies import any_designs, designs

factors = st.one_of(st.sampled_from([0.25, 0.5, 1.0, 2.0, 4.0]), st.floats(0.02, 64))


def sized(design: Design, **by: float) -> Design:
    result = apply(design, Resize(**by))
    assert isinstance(result, Design), result
    return result


def mistakes(design: Design) -> set[tuple[str, str]]:
    return {(p.code, general(p.path)) for p in errors(check(design, stage="design"))}


@settings(max_examples=40)
@given(st.one_of(designs(), any_designs()), factors, factors, factors)
def test_any_turn_leaves_a_design_without_new_errors(
    design: Design, width: float, depth: float, experts: float
) -> None:
    assert mistakes(sized(design, width=width, depth=depth, experts=experts)) <= mistakes(design)


@pytest.mark.parametrize("name", names())
def test_a_published_design_keeps_its_rules_at_any_size(name: str) -> None:
    design = preset(name)
    before = mistakes(design)
    for factor in (0.1, 0.5, 0.7, 1.5, 2.0, 8.0):
        for by in ({"width": factor}, {"depth": factor}, {"experts": factor}):
            after = sized(design, **by)
            assert mistakes(after) <= before
            assert (after.parameters - design.parameters) * (factor - 1) >= 0


@settings(max_examples=40)
@given(st.one_of(designs(), any_designs()))
def test_at_one_nothing_moves(design: Design) -> None:
    assert sized(design) == design


@settings(max_examples=40)
@given(
    st.one_of(designs(), any_designs()),
    st.sampled_from(["width", "depth", "experts"]),
    st.lists(factors, min_size=2),
)
def test_more_is_never_smaller(design: Design, axis: str, turns: list[float]) -> None:
    totals = [sized(design, **{axis: turn}).parameters for turn in sorted([*turns, 1.0])]
    assert totals == sorted(totals)


def bodies(design: Design, kind: str) -> list[Any]:
    return [placed.part.body for placed in design.parts() if placed.part.body.kind == kind]


def test_width_keeps_head_width_groups_and_ratios() -> None:
    design = preset("deepseek-v3")
    half = sized(design, width=0.5)
    before, after = bodies(design, "mla")[0], bodies(half, "mla")[0]
    assert half.width * 2 == design.width
    assert (after.heads * 2, after.q_rank * 2, after.kv_rank * 2) == (
        before.heads,
        before.q_rank,
        before.kv_rank,
    )
    assert (after.nope, after.rope, after.value) == (before.nope, before.rope, before.value)
    assert bodies(half, "moe")[0].experts[0].hidden * 2 == bodies(design, "moe")[0].experts[0].hidden
    assert half.depth == design.depth


def test_query_heads_stay_with_their_key_heads() -> None:
    design = preset("qwen3-30b-a3b")
    for factor in (0.5, 1.5, 2.0):
        before, after = bodies(design, "attention")[0], bodies(sized(design, width=factor), "attention")[0]
        assert after.heads / after.kv_heads == before.heads / before.kv_heads
        assert after.head_width == before.head_width


def test_experts_keep_islands_shared_and_the_share_of_a_token() -> None:
    design = preset("deepseek-v3")
    before, after = bodies(design, "moe")[0], bodies(sized(design, experts=0.5), "moe")[0]
    assert (after.count, after.router.select.k) == (128, 4)
    assert (after.islands, after.router.select.top_islands) == (
        before.islands,
        before.router.select.top_islands,
    )
    assert after.shared == before.shared


def test_depth_keeps_patterns_and_the_dense_layers_first() -> None:
    design = preset("deepseek-v3")
    shape = [(r.times, r.pattern) for r in design.stacks[0].layers]
    for factor in (0.01, 0.5, 2.0):
        after = [(r.times, r.pattern) for r in sized(design, depth=factor).stacks[0].layers]
        assert [pattern for _, pattern in after] == [pattern for _, pattern in shape]
        assert all(
            times == max(1, math.floor(n * factor + 0.5))
            for (times, _), (n, _) in zip(after, shape, strict=True)
        )
    deep = sized(design, depth=64)
    assert [r.times for r in deep.stacks[0].layers] == [192, 1024]


@given(st.lists(st.integers(1, 12), min_size=1, max_size=5), st.data())
def test_a_smaller_bank_is_part_of_a_larger_one(counts: list[int], data: st.DataObject) -> None:
    groups = [{"hidden": 8 * (g + 1), "count": count} for g, count in enumerate(counts)]
    few = data.draw(st.integers(1, 40))
    small = {g["hidden"]: g["count"] for g in spread(groups, few)}
    large = {g["hidden"]: g["count"] for g in spread(groups, few + data.draw(st.integers(0, 40)))}
    assert sum(small.values()) == few
    assert all(large[hidden] >= count for hidden, count in small.items())
    assert few < len(counts) or len(small) == len(counts)


@given(st.integers(1, 100_000), factors)
def test_widths_are_round_and_move_one_way(old: int, factor: float) -> None:
    new = wide(old, factor, 131_072)
    assert new == old or new % (64 if new >= 512 else 8) == 0
    assert (new - old) * (factor - 1) >= 0


@pytest.mark.parametrize(
    ("name", "wanted"), [("starter", 10**6), ("deepseek-v3", 10**10), ("mixtral-8x7b", 10**9)]
)
def test_the_dial_finds_a_wanted_size(name: str, wanted: int) -> None:
    design = preset(name)
    found = apply(design, even(aimed(design, wanted)))
    assert isinstance(found, Design)
    assert found.parameters == pytest.approx(wanted, rel=0.25)


def test_the_size_it_has_is_no_turn() -> None:
    design = preset("mixtral-8x7b")
    assert apply(design, even(aimed(design, design.parameters))) == design
    assert aimed(design, 1) < 1e-3


def test_a_design_grows_no_deeper_than_the_studio_holds() -> None:
    layer = preset("starter").model_dump(mode="json")["stacks"][0]["layers"][0]["pattern"][0]
    long = {**preset("starter").model_dump(mode="json")}
    long["stacks"][0]["layers"] = [{"times": 100, "pattern": [layer] * 20}]
    depths = [sized(Design.model_validate(long), depth=factor).depth for factor in (1.5, 2.0, 2.5, 64.0)]
    assert depths[0] == 3000
    assert depths == sorted(depths)
    assert 4000 <= depths[-1] <= 4096


@pytest.mark.parametrize(
    ("heads", "groups", "then"), [(4096, 8, 4096), (2048, 8, 4096), (1024, 1024, 1024), (64, 8, 128)]
)
def test_a_wider_state_space_has_no_fewer_heads(heads: int, groups: int, then: int) -> None:
    document: dict[str, Any] = preset("starter").model_dump(mode="json")
    parts = document["stacks"][0]["layers"][0]["pattern"][0]["parts"]
    parts[0]["body"] = {"kind": "mamba2", "heads": heads, "head_width": 8, "state": 16, "groups": groups}
    wide = sized(Design.model_validate(document), width=2).stacks[0].layers[0].pattern[0].parts[0].body
    assert wide.heads == then
    assert wide.heads % wide.groups == 0
